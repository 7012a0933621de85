/** What the Telnyx face promises to the vendor's unmodified SDK, one observable behaviour each. */
export interface Requirement {
  /** Section of the wire's specification, or the seed. */
  source: string;
  behaviour: string;
}

function from(source: string, behaviours: Record<string, string>): Record<string, Requirement> {
  return Object.fromEntries(Object.entries(behaviours).map(([id, behaviour]) => [id, { source, behaviour }]));
}

export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  ...from('endpoints', {
    'op.every-method':
      'every method of the SDK reaches its operation, with the documented status and envelope',
    'op.missions': 'missions are created, read, changed, cloned and deleted',
    'op.mission-put': 'PUT changes the members that are sent; null clears; {} changes nothing',
    'op.mission-delete':
      'a deleted mission hides its runs here and cancels its managed ones; natively they stay',
    'op.clone': 'a clone has the definition, tools, knowledge bases and MCP servers, and no runs',
    'op.unassigned': 'runs without a mission stand under one that cannot be changed or deleted',
    'op.objects': 'tools, MCP servers and knowledge bases take any object or none, PUT replaces',
    'op.agents': 'agents are linked once however often it is asked, listed, and unlinked',
  }),
  ...from('seed: Resume run', {
    'resume.paused': 'a paused run is running after resume, and goes on where it was paused',
    'resume.never-started': 'an external run that was paused before it was started is running after resume',
    'resume.running': 'resume of a running run is 200 and changes nothing',
    'resume.refused': 'resume of a pending or ended run is 409',
    'resume.held': 'a run under another hold is not resumed: 409',
    'resume.repeated': 'a resume that is repeated after the run has ended is answered as the first was',
  }),
  ...from('seed: Update run', {
    'patch.status': 'PATCH moves a run as the table of transitions says, and leaves an ended run ended',
    'patch.atomic': 'a refused status leaves every other member untouched',
    'patch.same': 'the same status again applies the other members and keeps finished_at',
    'patch.fields': 'members that are not sent stay, null clears, metadata and result are replaced',
    'patch.late': 'result and metadata may come after the end',
    'patch.error': 'error is stored with and without failed, and a failure without one has none',
    'patch.managed':
      'of a managed run paused, running and cancelled are commands, succeeded and failed end it',
    'patch.empty': '{} and unknown members change nothing',
  }),
  ...from('state semantics', {
    'run.pending': 'a new external run is pending, started_at is its creation, finished_at is unset',
    'run.actions': 'pause and cancel act and answer as the table says, and again the same',
    'run.body-ignored': 'the body of an action is ignored, whatever it is',
    'run.wrong-mission': 'a run under another mission is not found',
  }),
  ...from('pagination', {
    'page.iterates': 'for await walks every page of each of the five lists, once',
    'page.meta': 'meta has four numbers; an empty list has total_pages 0; a page beyond the end is empty',
    'page.limits': 'page sizes 0 and 1001 and page 0 are not valid; brackets may be encoded or not',
    'page.filters': 'lists filter by status, type, step and agent; an unknown value finds nothing',
    'page.look-up': 'missions and runs are found by name and metadata',
  }),
  ...from('plans', {
    'plan.create': 'a plan is created once; the same again is 201 with its steps, another one is 409',
    'plan.add': 'steps are added before and after the plan; a taken id is 409',
    'plan.step': 'a step takes any status and says when it began and ended; its id may be any text',
    'plan.limits': 'more than 1,000 steps and a repeated id are not valid',
    'plan.order': 'steps come by sequence, then as they were created; none is an empty list',
  }),
  ...from('events', {
    'event.log': 'an event is logged in every status, with what was sent',
    'event.key': 'the same idempotency_key is answered with the original event, also after a restart',
    'event.get': 'an event is found by its id, which no other run and no other event has',
    'event.external-only-own': 'an external run has the events that its client logged, and no others',
  }),
  ...from('errors', {
    'error.classes': 'the SDK raises its class for 401, 403, 404, 409, 422 and 429',
    'error.shape': 'errors have message and errors[]; not valid requests have detail[] too',
    'error.validation': 'each fault has loc, msg and type as the vendor’s framework gives them',
    'error.400': 'by a setting requests that are not valid are 400',
    'error.no-retry': 'a 409 is asked once; 4xx but 408 and 429 carry x-should-retry: false',
    'error.retry-after': '429 and 503 carry retry-after-ms',
    'error.tenancy': 'what belongs to another organization is not found',
    'error.paths': 'unknown paths and methods are answered in the vendor’s form',
  }),
  ...from('wire', {
    'wire.nulls': 'members that are not set are left out, or null by a setting',
    'wire.times': 'times have microseconds and Z; updated_at moves with every change',
    'wire.no-body': 'no body, and the literal null, are taken where the vendor takes them',
    'wire.root': 'with the face at the root /v2 is its own, with its errors, 404 and 401',
  }),
  ...from('replay safety', {
    'replay.cut': 'an action whose reply was lost is answered the same when it is repeated, and done once',
    'replay.restart': 'a restart of the server in the middle of a call is not seen',
    'replay.key': 'Idempotency-Key on a creation replays the first reply',
    'replay.delete': 'a repeated DELETE whose first reply was lost is 204',
  }),
  ...from('usage', {
    'journey.canonical': 'the flow of the vendor’s toolkit, from mission to result',
    'journey.crashes': 'after each of its crash points the client finds its way back',
  }),
  ...from('managed missions', {
    'managed.agent': 'instructions, model, tools and MCP servers make the agent, the input its first message',
    'managed.runs-itself': 'pending becomes running by itself, and the result is filled in',
    'managed.plan': 'the agent keeps its plan by create_plan and update_step, seen as steps and events',
    'managed.events': 'turns, calls, results and messages are events; each wait is a custom one',
    'managed.pause': 'it is paused and resumed through the SDK, waits for an approval, and finishes',
  }),
  ...from('cross-face', {
    'cross.telnyx-to-native': 'a run of this face is paused, resumed and read natively',
    'cross.native-to-telnyx': 'a native run is seen, paused, resumed and ended here',
    'cross.missions': 'missions and plans are the same natively',
  }),
};
