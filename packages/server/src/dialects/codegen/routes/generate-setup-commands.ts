import { faceOf, statusText } from '../encode.ts';
import { runUrl, serverBase } from '../links.ts';
import { codegenOperation, SETUP } from '../operation.ts';
import { setupCommandsAgent, setupCommandsPrompt } from '../setup-commands.ts';
import { organizationParams, setupCommandsBody, setupCommandsSchema } from '../wire.ts';

export const generateSetupCommands = codegenOperation({
  operationId: 'generate_setup_commands',
  method: 'POST',
  path: '/v1/organizations/{org_id}/setup-commands/generate',
  tag: 'Agent runs',
  role: 'developer',
  summary: 'Generate the setup commands of a repository',
  description:
    'Starts a run with instructions of its own, whose result is `{setup_commands, notes}`. Resuming it asks for a change of that result.',
  params: organizationParams,
  body: setupCommandsBody,
  reply: setupCommandsSchema,
  errors: ['not_configured', 'quota_exceeded'],
  rate: SETUP,
  async handle(request) {
    const { engine, caller, body, command } = request;
    const agent = setupCommandsAgent(await engine.agents.defaultAgent(caller));
    const face = {
      ...faceOf({ repoId: body.repo_id, agentType: undefined }),
      trigger_source: body.trigger_source ?? 'setup-commands',
    };
    const input = setupCommandsPrompt(body.repo_id, body.prompt);
    const start = { kind: 'setup_commands', agent, input, face };
    return command(
      (options) => engine.runs.start(caller, start, options),
      ({ run }) => ({
        status: 200,
        body: {
          agent_run_id: run.number,
          status: statusText(run),
          url: runUrl(serverBase(request), run.number),
        },
      }),
    );
  },
});
