import { codegenOperation } from '../operation.ts';
import { organizationParams, webhookBody, webhookConfigSchema } from '../wire.ts';

export const setWebhook = codegenOperation({
  operationId: 'set_agent_run_webhook',
  method: 'POST',
  path: '/v1/organizations/{org_id}/webhooks/agent-run',
  tag: 'Webhooks',
  role: 'admin',
  summary: 'Set the webhook of agent runs',
  description: 'Without a secret it keeps the one that it has; an empty one takes it away.',
  params: organizationParams,
  body: webhookBody,
  reply: webhookConfigSchema,
  async handle({ engine, caller, body }) {
    const secret = body.secret === '' ? null : body.secret;
    const { url, enabled, hasSecret } = await engine.webhooks.setOfOrganization(caller, {
      url: body.url,
      secret,
      enabled: body.enabled ?? true,
    });
    return { status: 200, body: { url, enabled, has_secret: hasSecret } };
  },
});
