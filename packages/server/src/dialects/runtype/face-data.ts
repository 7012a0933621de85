import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';

/** A tool of the page or host, as its declaration named it. */
// Aliases and no interfaces: only those are JSON to the type checker.
export type ClientToolInfo = {
  /** As the page calls it; the model may call it by another name. */
  name: string;
  origin?: string;
  pageOrigin?: string;
};

/** By the name that the model calls. */
export type ClientTools = Record<string, ClientToolInfo>;

/** What a run keeps of the request that started it, to be echoed. */
export type RuntypeEcho = {
  clientTools?: ClientTools;
  conversationId?: string;
  record?: JsonObject;
  context?: Json;
};

/** What the face keeps in a run's `face`; empty for runs that were started elsewhere. */
export function echoOf(face: JsonObject | null): RuntypeEcho {
  const echo = face?.['runtype'];
  return isJsonObject(echo ?? null) ? (echo as RuntypeEcho) : {};
}

export function clientToolsIn(face: JsonObject | null): ClientTools {
  return echoOf(face).clientTools ?? {};
}

/** How a tool was declared; undefined for one that the client does not carry out. */
export function clientToolOf(tools: ClientTools, modelName: string | null): ClientToolInfo | undefined {
  return modelName !== null && Object.hasOwn(tools, modelName) ? tools[modelName] : undefined;
}
