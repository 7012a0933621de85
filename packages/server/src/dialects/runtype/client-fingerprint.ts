import { isJsonObject, type Json, type JsonObject } from '@fermata/protocol';
import type { Engine } from '../../engine/facade.ts';
import type { ClientSession } from '../../engine/facade-clients.ts';
import { RuntypeError } from './errors.ts';

export interface DeclaredTools {
  clientTools?: readonly Json[] | undefined;
  clientToolsFingerprint?: string | undefined;
}

/**
 * The page's tools, of which it sends only the fingerprint once the session has them. Null: it names none.
 * Source: wire section 2.7. Throws 409 `client_tools_resend_required` for a fingerprint that the session has not; the
 * widget then repeats the request once, with its tools.
 */
export async function toolsOfPage(
  engine: Engine,
  session: ClientSession,
  { clientTools, clientToolsFingerprint }: DeclaredTools,
): Promise<JsonObject[] | null> {
  if (clientTools !== undefined) {
    const tools = clientTools.filter((tool) => isJsonObject(tool));
    await engine.clients.keepTools(session.id, tools, clientToolsFingerprint ?? null);
    return tools;
  }
  if (clientToolsFingerprint === undefined) return null;
  if (session.tools !== null && session.toolsFingerprint === clientToolsFingerprint) return session.tools;
  throw new RuntypeError('invalid_transition', 'client_tools_resend_required', {
    status: 409,
    members: { clientToolsFingerprint },
  });
}
