import { codegenOperation } from '../operation.ts';
import { organizationParams, webhookConfigSchema } from '../wire.ts';

export const getWebhook = codegenOperation({
  operationId: 'get_agent_run_webhook',
  method: 'GET',
  path: '/v1/organizations/{org_id}/webhooks/agent-run',
  tag: 'Webhooks',
  role: 'admin',
  summary: 'Get the webhook of agent runs',
  params: organizationParams,
  reply: webhookConfigSchema,
  async handle({ engine, caller }) {
    const webhook = await engine.webhooks.ofOrganization(caller);
    const { url = null, enabled = false, hasSecret = false } = webhook ?? {};
    return { status: 200, body: { url, enabled, has_secret: hasSecret } };
  },
});
