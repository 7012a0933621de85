/** The record store's collection of the agents that are linked to a run; their ids are the records'. */
export function linksOf(runId: string): string {
  return `telnyx-agents/${runId}`;
}
