import { codegenOperation } from '../operation.ts';
import { messageSchema, organizationParams } from '../wire.ts';

export const deleteWebhook = codegenOperation({
  operationId: 'delete_agent_run_webhook',
  method: 'DELETE',
  path: '/v1/organizations/{org_id}/webhooks/agent-run',
  tag: 'Webhooks',
  role: 'admin',
  summary: 'Delete the webhook of agent runs',
  params: organizationParams,
  reply: messageSchema,
  async handle({ engine, caller }) {
    const wasThere = await engine.webhooks.deleteOfOrganization(caller);
    return { status: 200, body: { message: wasThere ? 'Webhook deleted.' : 'There was no webhook.' } };
  },
});
