import type { Json, JsonObject, StartRun, Until } from '@fermata/sdk';
import { Option } from 'commander';
import type { AddCommand } from '../command-group.ts';
import { connect, type GlobalOptions } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { CliError, EXIT } from '../failure.ts';
import { followRun, tellReconnect } from '../follow-run.ts';
import { jsonObjectValue, jsonValue, pairValue } from '../option-values.ts';
import { printResult } from '../output.ts';
import { renderRunLine } from '../render/render-run.ts';

interface Options extends GlobalOptions {
  inputJson?: Json;
  agent?: string;
  flow?: string;
  model?: string;
  title?: string;
  runKey?: string;
  session?: string;
  metadata?: JsonObject;
  body?: JsonObject;
  watch?: boolean;
  until: Until;
}

export const addRunsStart: AddCommand = (parent, context, outcome) => {
  parent
    .command('start')
    .summary('start a run')
    .description('Start a run, and with --watch follow it.')
    .argument('[input]', 'what to tell the agent; "-" reads it from stdin')
    .option('--input-json <json>', 'the input as JSON instead', jsonValue)
    .option('--agent <id>', 'a saved agent; absent: the default agent')
    .option('--flow <id>', 'a saved flow instead')
    .option('--model <name>', "model in place of the agent's, such as script/echo")
    .option('--title <text>', 'title')
    .option('--run-key <name>', 'your own unique name: the same again gives the same run')
    .option('--session <key>', 'your own key of the conversation to go on with')
    .option('--metadata <key=value>', 'your own data; may be repeated', pairValue)
    .option(
      '--body <json>',
      'more of the request, as the API takes it: tools, limits, script …',
      jsonObjectValue,
    )
    .option('-w, --watch', 'print what happens until the run has ended')
    .addOption(untilOption())
    .addHelpText(
      'after',
      '\nExamples:\n  $ fermata runs start "hello" --model script/echo --watch\n  $ fermata runs start "book it" --model script/approval --watch --until parked',
    )
    .action(async (input: string | undefined, _own: unknown, command: { optsWithGlobals(): Options }) => {
      const options = command.optsWithGlobals();
      const body = await startBody(input, options, context);
      const client = await connect(options, context);
      if (options.watch !== true) {
        const run = await client.runs.start(body, { signal: context.signal });
        printResult(context.terminal, options, run, () => [
          renderRunLine(run, context.terminal.style),
          context.terminal.style.dim(`  fermata runs watch ${run.id}`),
        ]);
        return;
      }
      const { runId, events } = await client.runs.startStream(body, {
        until: options.until,
        signal: context.signal,
        onReconnect: tellReconnect(context),
      });
      outcome.exitCode = await followRun(client, runId, events, options, context);
    });
};

/** When a watched stream ends. */
export function untilOption(): Option {
  return new Option('--until <state>', 'finished: ended. parked: also paused or waiting for someone')
    .choices(['finished', 'parked'])
    .default('finished');
}

async function startBody(
  input: string | undefined,
  options: Options,
  context: CliContext,
): Promise<StartRun> {
  if (input !== undefined && options.inputJson !== undefined) {
    throw new CliError('Give the input once: as an argument or with --input-json.', EXIT.usage);
  }
  const text = input === '-' ? (await context.readStdin()).trimEnd() : input;
  const said = options.inputJson ?? text;
  const { agent, flow, model, title, runKey, session, metadata } = options;
  const body: JsonObject = {
    ...options.body,
    ...(said !== undefined && { input: said }),
    ...(agent !== undefined && { agent }),
    ...(flow !== undefined && { flow }),
    ...(model !== undefined && { model }),
    ...(title !== undefined && { title }),
    ...(runKey !== undefined && { key: runKey }),
    ...(session !== undefined && { sessionKey: session }),
    ...(metadata !== undefined && { metadata }),
  };
  if (Object.keys(body).length === 0)
    throw new CliError('Say what the run is to do: an input is missing.', EXIT.usage);
  // The server checks it, and names every fault.
  return body as StartRun;
}
