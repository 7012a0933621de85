import type { ClientToken } from '@fermata/protocol';
import type { Engine } from '../../../engine/facade.ts';
import { admitPage } from '../client-access.ts';
import { CLIENT_TAG } from '../client-page.ts';
import { clientInitBodySchema, clientInitReplySchema } from '../wire-client.ts';
import { RuntypeError } from '../errors.ts';
import { runtypeOperation } from '../operation.ts';

/** The widget's own text where the token has none. */
const PLACEHOLDER = 'Type your message…';

export const clientInit = runtypeOperation({
  operationId: 'clientInit',
  method: 'POST',
  path: '/v1/client/init',
  tag: CLIENT_TAG,
  role: 'viewer',
  summary: 'Begin the session of a page',
  description:
    'Without a key: the body has a client token, whose origins the page must be of. A session lasts a day.',
  body: clientInitBodySchema,
  reply: clientInitReplySchema,
  errors: ['unauthenticated', 'forbidden', 'not_found', 'rate_limited'],
  async handle({ engine, body, header }) {
    const origin = header('origin');
    const found = await engine.clients.findToken(body.token);
    if (found === null) {
      throw new RuntypeError('unauthenticated', 'Invalid client token', {
        members: { hint: 'the token is not known, or was revoked' },
      });
    }
    admitPage(found.token, { origin });
    const flow = await targetOf(engine, found.organizationId, found.token);
    const asked = body.flowId ?? flow.id;
    if (asked !== flow.id) {
      throw new RuntypeError('forbidden', 'The client token is for another agent or flow', {
        members: { hint: `${asked} is not the target of this client token` },
      });
    }
    const { sessionId: secretBefore, conversationId } = body;
    const continues = {
      ...(secretBefore ? { secret: secretBefore } : {}),
      ...(conversationId ? { conversationId } : {}),
    };
    const { secret, session } = await engine.clients.beginSession(found, { origin, continues });
    const { target, config } = session.token;
    return {
      status: 200,
      headers: { 'cache-control': 'no-store' },
      body: {
        sessionId: secret,
        expiresAt: session.expiresAt,
        conversationId: session.conversationId,
        conversationRevision: '1',
        ...(target === null ? {} : { targetId: target }),
        flow,
        config: {
          ...config,
          welcomeMessage: config.welcomeMessage ?? null,
          placeholder: config.placeholder ?? PLACEHOLDER,
        },
        durableRecovery: { enabled: true },
      },
    };
  },
});

/** Names the default agent or flow, which need not have an id. */
const DEFAULT_TARGET = 'default';

async function targetOf(
  engine: Engine,
  organizationId: number,
  { target }: ClientToken,
): Promise<{ id: string; name: string }> {
  const asker = { organizationId, via: 'runtype' as const };
  const flow = target === null ? await engine.flows.defaultFlow(asker) : null;
  if (flow !== null && 'flow' in flow) return { id: DEFAULT_TARGET, name: flow.flow.name ?? 'flow' };
  const targetId = flow === null ? target : flow.flowId;
  if (targetId === null) {
    const agent = await engine.agents.defaultAgent(asker);
    return { id: agent.id ?? DEFAULT_TARGET, name: agent.name };
  }
  const saved = targetId.startsWith('flow_') ? engine.flows : engine.agents;
  const { id, name } = await saved.get({ organizationId }, targetId);
  return { id, name };
}
