import { addNoteBodySchema, addNoteParamsSchema, addNoteReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';
import { assertFitsEvent } from '../stored-content.ts';

export const addNote = defineOperation({
  operationId: 'addNote',
  method: 'POST',
  path: '/runs/{runId}/notes',
  tag: 'Events',
  role: 'operator',
  summary: 'Log an event of your own',
  description:
    'Adds `note.logged` to the run’s log. Accepted in every status. The same `key` again changes nothing.',
  params: addNoteParamsSchema,
  body: addNoteBodySchema,
  example: { type: 'ticket.created', summary: 'Ticket 42', data: { ticket: 42 } },
  replies: { 200: { description: 'The run and the note', schema: addNoteReplySchema } },
  errors: ['not_found'],
  handle: async ({ engine, caller, params, body, command }) => {
    assertFitsEvent(body, 'body');
    return command(
      (options) => engine.runs.addNote(caller, params.runId, body, options),
      ({ run, changed, event }) => ({ status: 200, body: { run, changed, event } }),
    );
  },
});
