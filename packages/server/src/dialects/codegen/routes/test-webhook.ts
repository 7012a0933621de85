import { codegenOperation, CREATION } from '../operation.ts';
import { testWebhookBody } from '../webhook-format.ts';
import { organizationParams, webhookTestBody, webhookTestSchema } from '../wire.ts';

export const testWebhook = codegenOperation({
  operationId: 'test_agent_run_webhook',
  method: 'POST',
  path: '/v1/organizations/{org_id}/webhooks/agent-run/test',
  tag: 'Webhooks',
  role: 'admin',
  summary: 'Send a test to a webhook',
  description: 'Once, now, signed with the organization’s secret if there is one; tells what came of it.',
  params: organizationParams,
  body: webhookTestBody,
  reply: webhookTestSchema,
  rate: CREATION,
  async handle({ engine, caller, body }) {
    const sent = testWebhookBody(caller.organizationId, new Date().toISOString());
    const { isDelivered, status, error } = await engine.webhooks.test(caller, body.url, sent);
    return { status: 200, body: { success: isDelivered, status_code: status, error } };
  },
});
