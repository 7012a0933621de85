import type { JsonObject } from '@fermata/protocol';

export interface BuiltinTool {
  description: string;
  inputSchema: JsonObject;
  /** `wait`: the driver opens one. `immediate`: `callTool` answers. `plan`: it changes the run's plan. */
  kind: 'wait' | 'immediate' | 'plan';
}
