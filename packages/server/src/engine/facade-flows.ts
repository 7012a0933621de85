import type { FlowFields, FlowStep, UpdateFlowBody } from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';

export interface SavedFlow extends FlowFields {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

/** What is wrong with a step; the path is below the list of steps. */
export interface FlowFault {
  path: (string | number)[];
  message: string;
}

/** A flow as startRun takes it. */
export type NamedFlow = { flowId: string } | { flow: FlowFields };

export interface FlowsFacade {
  list(caller: Caller, query: PageQuery & { q?: string | undefined }): Promise<Page<SavedFlow>>;
  get(caller: Pick<Caller, 'organizationId'>, flowId: string, version?: number): Promise<SavedFlow>;
  /** `invalid_request` for steps that have faults. */
  create(caller: Caller, fields: FlowFields & { name: string }, options?: CommandOptions): Promise<SavedFlow>;
  /** Each change makes a new version; `metadata` is merged by key. */
  update(caller: Caller, flowId: string, patch: UpdateFlowBody, options?: CommandOptions): Promise<SavedFlow>;
  /** Runs that use it keep their version. */
  delete(caller: Caller, flowId: string, options?: CommandOptions): Promise<void>;
  /**
   * What of these steps cannot work: ids used twice, too many or too deep, and what does not parse. The same list is
   * looked at once only.
   */
  faults(steps: readonly FlowStep[]): Promise<readonly FlowFault[]>;
  /** The flow of requests that name neither agent nor flow, for the caller's face; null: the default agent. */
  defaultFlow(caller: Pick<Caller, 'organizationId' | 'via'>): Promise<NamedFlow | null>;
}
