import { isJsonObject, type AnswerBody, type Json, type Wait } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { invalidRequest } from '../../http/problem.ts';
import { joinPath, pointerPath, type Fault } from '../../http/request-validation.ts';
import { compileSchema } from '../../schemas/json-schema.ts';
import { assertFitsEvent } from './stored-content.ts';

/**
 * Checks an answer against the wait that it is for: the members that its kind takes, and the value against the
 * wait's JSON Schema. Throws `invalid_request` with the place of each fault below `path`. A wait that is closed
 * is left to the engine, which knows the winner.
 */
export function checkAnswer(wait: Wait, answer: AnswerBody, path: string): void {
  assertFitsEvent(answer, path);
  if (wait.state !== 'open') return;
  const faults = faultsOfKind(wait, answer, path);
  if (faults.length > 0) throw invalidRequest(faults);
  const member = schemaMember(wait, answer);
  if (member === null || wait.schema === null) return;
  const compiled = compileSchema(wait.schema);
  // A wait whose schema does not compile was opened by a model's call; it must still be answerable.
  if (!compiled.ok) return;
  const problem = compiled.validate(member.value);
  if (problem === null) return;
  throw invalidRequest([
    { path: pointerPath(joinPath(path, [member.name]), problem.path), message: problem.message },
  ]);
}

/** The member that the wait's schema is about, when the answer has it. */
function schemaMember(wait: Wait, answer: AnswerBody): { name: string; value: Json } | null {
  switch (wait.kind) {
    case 'input':
      return answer.value === undefined ? null : { name: 'value', value: answer.value };
    case 'tool_output':
      return answer.output === undefined ? null : { name: 'output', value: answer.output };
    case 'approval':
      return answer.editedArgs === undefined ? null : { name: 'editedArgs', value: answer.editedArgs };
    case 'in_doubt':
    case 'timer':
    case 'run':
      return null;
  }
}

type Member = Exclude<keyof AnswerBody, 'reason'>;

const MEMBERS: Record<Wait['kind'], readonly Member[]> = {
  approval: ['decision', 'digest', 'editedArgs', 'remember'],
  tool_output: ['output', 'error'],
  input: ['value'],
  timer: ['outcome'],
  in_doubt: ['outcome', 'output'],
  run: [],
};

function faultsOfKind(wait: Wait, answer: AnswerBody, path: string): Fault[] {
  if (wait.kind === 'run') {
    return [{ path, message: 'a run wait cannot be answered; answer the child run’s own waits' }];
  }
  const taken = MEMBERS[wait.kind];
  const given = (Object.keys(answer) as (keyof AnswerBody)[]).filter(
    (name): name is Member => name !== 'reason' && name in ALL_MEMBERS && answer[name] !== undefined,
  );
  const foreign = given
    .filter((name) => !taken.includes(name))
    .map((name) => ({
      path: joinPath(path, [name]),
      message: `not for a wait of kind ${wait.kind}, which takes ${taken.join(', ')}`,
    }));
  return [...foreign, ...missingMembers(wait, answer, path)];
}

const ALL_MEMBERS: Record<Member, true> = {
  decision: true,
  digest: true,
  editedArgs: true,
  remember: true,
  output: true,
  error: true,
  value: true,
  outcome: true,
};

function missingMembers(wait: Wait, answer: AnswerBody, path: string): Fault[] {
  const fault = (name: string, message: string): Fault[] => [{ path: joinPath(path, [name]), message }];
  switch (wait.kind) {
    case 'approval':
      return answer.decision === undefined ? fault('decision', 'expected approve or deny') : [];
    case 'tool_output':
      if (answer.output === undefined && answer.error === undefined) {
        return fault('output', 'expected output or error');
      }
      return answer.output !== undefined && answer.error !== undefined
        ? fault('error', 'give either output or error')
        : [];
    case 'input':
      return answer.value === undefined ? fault('value', 'expected a value') : [];
    case 'timer':
      return answer.outcome === 'fire' ? [] : fault('outcome', 'expected fire');
    case 'in_doubt':
      return answer.outcome === undefined || answer.outcome === 'fire'
        ? fault('outcome', 'expected done, retry or skip')
        : [];
    case 'run':
      return [];
  }
}

/**
 * Checks the answers of a resume or fork, each addressed by wait or call. One that names no wait of the run is
 * left to the engine.
 */
export async function checkAnswers(
  engine: Engine,
  caller: Caller,
  runId: string,
  answers: readonly (AnswerBody & { waitId?: string | undefined; callId?: string | undefined })[] | undefined,
): Promise<void> {
  if (answers === undefined || answers.length === 0) return;
  const waits = await openWaitsOf(engine, caller, runId);
  for (const [index, answer] of answers.entries()) {
    const wait = waits.find(
      (one) => one.id === answer.waitId || (answer.callId !== undefined && one.callId === answer.callId),
    );
    if (wait === undefined) continue;
    const place = joinPath('body.answers', [index]);
    if (answer.callId === undefined) checkAnswer(wait, answer, place);
    else checkCallAnswer(wait, answer, place);
  }
}

/**
 * Checks an answer by call id against the open wait of the call. What is meant for the wait after an approval comes
 * early: the engine keeps it until then, so its value is checked now.
 */
export function checkCallAnswer(wait: Wait, answer: AnswerBody, path: string): void {
  if (!comesEarly(wait, answer)) return checkAnswer(wait, answer, path);
  const schema = isJsonObject(wait.args) ? wait.args['schema'] : undefined;
  if (wait.tool !== 'ask_user' || answer.value === undefined) return;
  const asked = isJsonObject(schema) ? schema : { type: 'string' };
  checkAnswer({ ...wait, kind: 'input', schema: asked }, { value: answer.value }, path);
}

function comesEarly(wait: Wait, answer: AnswerBody): boolean {
  if (wait.kind !== 'approval' || answer.decision !== undefined) return false;
  return answer.output !== undefined || answer.error !== undefined || answer.value !== undefined;
}

/** The open wait of a call, or undefined while there is none. */
export async function openWaitOfCall(
  engine: Engine,
  caller: Caller,
  runId: string,
  callId: string,
): Promise<Wait | undefined> {
  return (await openWaitsOf(engine, caller, runId)).find((wait) => wait.callId === callId);
}

async function openWaitsOf(engine: Engine, caller: Caller, runId: string): Promise<Wait[]> {
  const waits: Wait[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.waits.list(caller, { run: runId, state: ['open'], limit: 100, cursor });
    waits.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && waits.length < 1000);
  return waits;
}
