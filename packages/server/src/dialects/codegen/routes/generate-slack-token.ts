import { checkOrganization } from '../decode.ts';
import { codegenOperation } from '../operation.ts';
import { slackConnectBody, slackTokenSchema } from '../wire.ts';

export const generateSlackToken = codegenOperation({
  operationId: 'generate_slack_connect_token',
  method: 'POST',
  path: '/v1/slack-connect/generate-token',
  tag: 'Integrations',
  role: 'viewer',
  summary: 'Generate a token that connects Slack',
  description: 'Slack cannot be connected: the token is empty and has no time.',
  body: slackConnectBody,
  reply: slackTokenSchema,
  async handle({ caller, body }) {
    checkOrganization(caller, body.org_id);
    const message = 'Slack cannot be connected to this server.';
    return { status: 200, body: { token: '', message, expires_in_minutes: 0 } };
  },
});
