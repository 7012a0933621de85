import type { Part, Run } from '@fermata/protocol';
import { isTerminal, roleIncludes } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { Changed } from '../../engine/facade.ts';
import type { CommandOptions } from '../../engine/caller.ts';
import type { CommandReply, OperationRequest } from '../../http/route.ts';
import { findRun, modelOf, webhooksOf } from './decode.ts';
import { encodeRun } from './encode.ts';
import { decodeImages, promptParts } from './images.ts';
import { serverBase } from './links.ts';
import { resumeRoutine } from './resume-routines.ts';
import type { ResumeBody } from './wire.ts';

type Request = OperationRequest<unknown, unknown, unknown>;

/** How often it is decided anew because the run has moved on meanwhile. */
const MOST_TRIES = 5;

/**
 * Resumes a run in whatever state it is: a hold is released, open waits are superseded, a run that goes on takes the
 * prompt in at its next turn, one that has ended is reopened. A blank prompt without images is no turn of the user.
 */
export async function resumeAgentRun(
  request: Request,
  id: number | string,
  body: ResumeBody,
): Promise<CommandReply> {
  const images = decodeImages(body.images);
  const run = await findRun(request, id);
  checkNotBanned(run);
  const webhooks = webhooksOf(body.webhooks);
  if (webhooks !== undefined) requireDeveloper(request);
  const isBlank = body.prompt.trim() === '' && images.length === 0;
  const prompt = isBlank ? '' : resumeRoutine(run.kind).prompt(body.prompt);
  const parts = isBlank ? [] : await promptParts(request, prompt, images);
  // Before the run goes on: it may end at once.
  if (webhooks !== undefined) await request.engine.webhooks.setOfRun(request.caller, run.id, webhooks);
  return request.command(
    (options) => resume(request, run.id, parts, modelOf(body.model), options),
    (changed) => ({ status: 200, body: encodeRun(changed.run, serverBase(request)) }),
  );
}

async function resume(
  request: Request,
  runId: string,
  parts: Part[],
  model: string | undefined,
  options: CommandOptions,
): Promise<Changed> {
  for (let tries = 1; ; tries += 1) {
    const run = await findRun(request, runId);
    checkNotBanned(run);
    try {
      return await resumeAs(request, run, parts, model, options);
    } catch (error) {
      if (tries === MOST_TRIES || !hasMovedOn(error)) throw error;
    }
  }
}

/** One command, which the engine refuses when the run's status has become another. */
async function resumeAs(
  { engine, caller }: Request,
  run: Run,
  parts: Part[],
  model: string | undefined,
  options: CommandOptions,
): Promise<Changed> {
  const ended = isTerminal(run.status);
  if (parts.length === 0) {
    if (ended) return { run, changed: false };
    return engine.runs.resume(caller, run.id, { model }, options);
  }
  if (ended) return engine.runs.sendMessage(caller, run.id, { parts, reopen: true, model }, options);
  const messages = [{ role: 'user' as const, parts }];
  return engine.runs.resume(caller, run.id, { messages, onWaiting: onWaiting(run), model }, options);
}

/** A call of which nobody knows whether it happened must be settled by a person first: the prompt waits for that. */
function onWaiting({ status, openWaits }: Run): 'queue' | 'supersede' | undefined {
  if (openWaits.some((wait) => wait.kind === 'in_doubt')) return 'queue';
  return status === 'queued' || status === 'running' ? undefined : 'supersede';
}

function hasMovedOn(error: unknown): boolean {
  return error instanceof EngineError && (error.code === 'invalid_transition' || error.code === 'waits_open');
}

function checkNotBanned({ sealed }: Run): void {
  if (sealed !== null) throw new EngineError('sealed', 'the run is sealed');
}

function requireDeveloper({ caller }: Request): void {
  if (!roleIncludes(caller.role, 'developer')) {
    throw new EngineError('forbidden', `Webhooks need the role developer; the key has ${caller.role}.`);
  }
}
