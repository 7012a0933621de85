import type { z } from 'zod';
import type { Caller } from '../../engine/caller.ts';
import type { SavedAgent } from '../../engine/facade-accounts.ts';
import { sentOf } from './saved-agent.ts';
import type { agentReplySchema, agentsReplySchema } from './wire-resources.ts';

/** Source: the vendor's OpenAPI document, `/v1/agents/{id}`. */
export function agentReply(caller: Caller, agent: SavedAgent): z.output<typeof agentReplySchema> {
  const { name: _name, ...sent } = sentOf(agent);
  const version = `${agent.id}.${agent.version}`;
  return {
    ...sent,
    id: agent.id,
    userId: caller.principalId,
    organizationId: String(caller.organizationId),
    name: agent.name,
    description: sent.description ?? null,
    icon: sent.icon ?? null,
    primaryFlowId: sent.primaryFlowId ?? null,
    primaryFlow: null,
    agentType: 'runtype',
    config: sent.config ?? null,
    externalConfig: null,
    claudeManagedConfig: null,
    healthStatus: null,
    lastHealthCheckAt: null,
    publishedVersionId: version,
    draftVersionId: version,
    status: 'active',
    createdAt: agent.createdAt,
    updatedAt: agent.updatedAt,
    capabilities: (sent.capabilities ?? []).map((capability, index) => ({
      toolDescription: null,
      flowId: null,
      subAgentId: null,
      toolId: null,
      enabled: true,
      ...capability,
      id: `${agent.id}.${capability.toolName}`,
      agentId: agent.id,
      displayOrder: index,
    })),
  };
}

export function agentRow(agent: SavedAgent): z.output<typeof agentsReplySchema>['data'][number] {
  const sent = sentOf(agent);
  return {
    id: agent.id,
    name: agent.name,
    description: sent.description ?? null,
    icon: sent.icon ?? null,
    primaryFlowId: sent.primaryFlowId ?? null,
    config: sent.config ?? null,
    status: 'active',
    createdAt: agent.createdAt,
    updatedAt: agent.updatedAt,
    capabilityCount: sent.capabilities?.length ?? 0,
    lastRunAt: null,
  };
}
