import { createHash } from 'node:crypto';
import {
  canonicalJson,
  isTerminal,
  type Json,
  type JsonObject,
  type Run,
  type Wait,
} from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { AddressedAnswer, RunCommand } from '../../engine/facade.ts';
import { compileSchema, problemText } from '../../schemas/json-schema.ts';
import type { DecodedMessage } from './decode-messages.ts';
import { invalidMember } from './errors.ts';
import type { Beginning } from './execution-stream.ts';
import { clientToolsIn } from './face-data.ts';
import { beginningOf, keyed, type Answering, type Asking } from './find-execution.ts';
import { matchOutputs, type Candidate, type Matched } from './match-outputs.ts';
import { fitOutput } from './fit-output.ts';

/** What a resume brings. */
export interface ResumeInput {
  /** Null or empty: none, and holds are released. */
  outputs: JsonObject | null;
  messages: readonly DecodedMessage[];
  /** Whoever asks may not release what the operator has stopped. */
  keepsHolds?: boolean;
}

/** Others may answer between the look and the command; then it is looked at anew, so often. */
const TRIES = 5;

/**
 * Records outputs and messages, and says where the answer begins. A repeat, late outputs and a run that has ended
 * change nothing: the answer then attaches to what goes on, or tells the end. Source: wire section 12.
 */
export async function resumeExecution(asking: Answering, found: Run, input: ResumeInput): Promise<Beginning> {
  let run = found;
  for (let tries = 1; ; tries += 1) {
    if (isTerminal(run.status)) return beginningOf(asking, run, 'nothing');
    try {
      return await resumeOnce(asking, run, input);
    } catch (error) {
      if (!(error instanceof EngineError) || !RACES.has(error.code) || tries >= TRIES) throw error;
      run = await asking.engine.runs.get(asking.caller, run.id);
    }
  }
}

const RACES: ReadonlySet<string> = new Set(['wait_closed', 'invalid_transition']);

async function resumeOnce(
  asking: Answering,
  run: Run,
  { outputs, messages, keepsHolds = false }: ResumeInput,
): Promise<Beginning> {
  if (outputs === null || Object.keys(outputs).length === 0) {
    const beginning = await beginningOf(asking, run, 'all');
    if (keepsHolds) await send(asking, run, messages.map(messageCommand));
    else await release(asking, run, messages);
    return beginning;
  }
  const beginning = await beginningOf(asking, run, 'awaits');
  const { waits, matched } = await matchWaits(asking, run, outputs);
  const open = matched.filter(({ candidate }) => candidate.isOpen);
  if (open.length === 0 && matched.length > 0) {
    const isRepeat = await areRecorded(asking, matched, waits);
    if (!isRepeat) await send(asking, run, messagesBeside(matched, messages));
    return { ...beginning, restates: 'all' };
  }
  const answers = await Promise.all(open.map((one) => answerOf(asking, one, waits)));
  await answerChildren(asking, run.id, answers);
  const commands: RunCommand[] = [
    ...answers.flatMap(({ runId, answer }) =>
      runId === run.id ? [{ type: 'answer' as const, ...answer }] : [],
    ),
    ...messagesBeside(matched, messages),
  ];
  await send(asking, run, commands);
  return { ...beginning, answered: new Set(open.map(({ candidate }) => candidate.waitId)) };
}

/** A resume without outputs also releases what holds the run; holds that others must release stay. */
async function release(asking: Answering, run: Run, messages: readonly DecodedMessage[]): Promise<void> {
  const commands = messages.map(messageCommand);
  try {
    await send(asking, run, [{ type: 'resume' }, ...commands]);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'held') throw error;
    await send(asking, run, commands);
  }
}

async function send(asking: Answering, run: Run, commands: RunCommand[]): Promise<void> {
  const { engine, caller } = asking;
  if (commands.length === 0) return;
  await keyed(asking, (options) => engine.runs.commands(caller, run.id, commands, options));
}

function messageCommand({ id, role, parts }: DecodedMessage): RunCommand {
  return { type: 'message', role, parts, onWaiting: 'queue', ...(id === null ? {} : { messageId: id }) };
}

/**
 * Messages that come with outputs, under ids made of both: the same resume at the same time, or sent again before it
 * was answered, appends them once.
 */
function messagesBeside(matched: readonly Matched[], messages: readonly DecodedMessage[]): RunCommand[] {
  if (matched.length === 0) return messages.map(messageCommand);
  const answers = matched
    .map(({ candidate, output }): [string, Json] => [candidate.waitId, output])
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  const said = messages.map(({ role, parts }) => [role, parts as Json] satisfies Json);
  const hash = createHash('sha256').update(canonicalJson([answers, said]));
  const base = `resume-${hash.digest('hex')}`;
  return messages.map((message, index) =>
    messageCommand({ ...message, id: message.id ?? `${base}:${index}` }),
  );
}

/** What each output is for. Answered waits of runs below are read only for outputs that nothing else is found for. */
async function matchWaits(
  asking: Asking,
  run: Run,
  outputs: JsonObject,
): Promise<{ waits: Wait[]; matched: Matched[] }> {
  const match = (waits: readonly Wait[]): Matched[] =>
    matchOutputs(outputs, waits.map(candidateOf), clientToolsIn(run.face));
  const near = [...(await waitsOf(asking, run.id)), ...(await openBelow(asking, run))];
  const matched = match(near);
  if (matched.length === Object.keys(outputs).length) return { waits: near, matched };
  const known = new Set(near.map(({ id }) => id));
  const below = (await waitsBelow(asking, run.id)).filter(({ id }) => !known.has(id));
  const waits = [...near, ...below];
  return { waits, matched: match(waits) };
}

/** Whether every output is what its wait was answered with. */
async function areRecorded(
  asking: Asking,
  matched: readonly Matched[],
  waits: readonly Wait[],
): Promise<boolean> {
  for (const { candidate, output } of matched) {
    const resolution = waits.find(({ id }) => id === candidate.waitId)?.resolution;
    if (resolution?.outcome !== (candidate.kind === 'input' ? 'value' : 'output')) return false;
    const fitted = await fitOutput(asking, output);
    if (canonicalJson(fitted) !== canonicalJson(resolution.value)) return false;
  }
  return true;
}

/** Waits of a run that outputs may name, answered ones too. */
async function waitsOf({ engine, caller }: Asking, runId: string): Promise<Wait[]> {
  const waits: Wait[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.waits.list(caller, {
      run: runId,
      kind: ['tool_output', 'input'],
      state: ['open', 'resolved', 'expired', 'superseded', 'cancelled'],
      limit: 100,
      cursor,
      order: 'desc',
    });
    waits.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && waits.length < MAX_WAITS);
  return waits.reverse();
}

async function openBelow({ engine, caller }: Asking, run: Run): Promise<Wait[]> {
  const waits: Wait[] = [];
  for (const { id, runId, kind } of run.openWaits) {
    if (runId === run.id || (kind !== 'tool_output' && kind !== 'input')) continue;
    waits.push(await engine.waits.get(caller, id));
  }
  return waits;
}

/** Of every run below, the newest first. */
async function waitsBelow(asking: Asking, runId: string): Promise<Wait[]> {
  const { engine, caller } = asking;
  const waits: Wait[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.runs.list(caller, { parent: runId, limit: 100, cursor, order: 'desc' });
    for (const { id } of page.data) {
      waits.push(...(await waitsOf(asking, id)), ...(await waitsBelow(asking, id)));
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && waits.length < MAX_WAITS);
  return waits;
}

const MAX_WAITS = 1000;

function candidateOf({ id, runId, kind, callId, tool, state }: Wait): Candidate {
  return { waitId: id, runId, kind, callId, tool, isOpen: state === 'open' };
}

interface PlacedAnswer {
  runId: string;
  answer: AddressedAnswer;
}

async function answerOf(
  asking: Asking,
  { candidate, output }: Matched,
  waits: readonly Wait[],
): Promise<PlacedAnswer> {
  const { waitId, runId, kind, callId } = candidate;
  const fitted = await fitOutput(asking, output);
  if (kind === 'tool_output') return { runId, answer: { waitId, output: fitted } };
  const schema = waits.find(({ id }) => id === waitId)?.schema ?? null;
  checkValue(schema, output, callId ?? waitId);
  return { runId, answer: { waitId, value: fitted } };
}

/** A question has an answer of a shape; one that does not fit is the caller's to mend. */
function checkValue(schema: JsonObject | null, value: Json, key: string): void {
  if (schema === null) return;
  const compiled = compileSchema(schema);
  const problem = compiled.ok ? compiled.validate(value) : null;
  if (problem !== null) throw invalidMember(`toolOutputs.${key}`, problemText(problem));
}

/** One command per run: what a child waits for is answered there. */
async function answerChildren(
  { engine, caller }: Asking,
  runId: string,
  answers: readonly PlacedAnswer[],
): Promise<void> {
  const childIds = new Set(answers.map((one) => one.runId).filter((id) => id !== runId));
  for (const childId of childIds) {
    const own = answers.filter((one) => one.runId === childId);
    const commands = own.map(({ answer }): RunCommand => ({ type: 'answer', ...answer }));
    await engine.runs.commands(caller, childId, commands);
  }
}
