import { z } from 'zod';
import { WireError } from '../errors.ts';
import type { OperationSpec } from '../../../http/route.ts';
import { defineRoute, type ShannonRoute } from '../route.ts';

/** What Fermata does not have is an empty list, and its members are not there. */
function emptyList(
  operationId: string,
  path: string,
  summary: string,
  body: unknown,
): ShannonRoute & OperationSpec {
  return defineRoute({
    operationId,
    method: 'GET',
    path,
    tag: 'Not kept here',
    role: 'viewer',
    summary,
    replies: { 200: { description: 'None' } },
    handle: async () => ({ status: 200, body }),
  });
}

function noMember(operationId: string, path: string, what: string): ShannonRoute & OperationSpec {
  return defineRoute({
    operationId,
    method: 'GET',
    path,
    tag: 'Not kept here',
    role: 'viewer',
    summary: `Get a ${what.toLowerCase()}: there is none`,
    params: z.object({ id: z.string().describe('Its name or id') }),
    replies: {},
    errors: ['not_found'],
    handle: () => Promise.reject(new WireError(404, { error: `${what} not found` })),
  });
}

export const emptyLists: readonly (ShannonRoute & OperationSpec)[] = [
  emptyList('listSkills', '/api/v1/skills', 'List skills', { skills: [], count: 0, categories: [] }),
  noMember('getSkill', '/api/v1/skills/{id}', 'Skill'),
  noMember('listSkillVersions', '/api/v1/skills/{id}/versions', 'Skill'),
  emptyList('listAgents', '/api/v1/agents', 'List deterministic agents', { agents: [], count: 0 }),
  noMember('getAgent', '/api/v1/agents/{id}', 'Agent'),
  emptyList('listTools', '/api/v1/tools', 'List tools', []),
  noMember('getTool', '/api/v1/tools/{id}', 'Tool'),
];
