import type { JsonObject } from '@fermata/protocol';
import { z } from 'zod';
import type { Engine } from '../../engine/facade.ts';
import type { ClientSession } from '../../engine/facade-clients.ts';
import { clientToolSchema, type WireClientTool } from './client-tools.ts';
import { assertFits } from './decode-messages.ts';
import { RuntypeError } from './errors.ts';
import { readMember } from './validation.ts';

export interface DeclaredTools {
  clientTools?: WireClientTool[] | undefined;
  clientToolsFingerprint?: string | undefined;
}

/** Every request of the page carries, keeps or compiles them: a transcript may be large, they may not. */
const MAX_TOOLS_BYTES = 128 * 1024;

/**
 * The page's tools, of which it sends only the fingerprint once the session has them. Null: it names none.
 * Source: wire section 2.7. Throws 413 for more than any page has, and 409 `client_tools_resend_required` for a
 * fingerprint that the session has not; the widget then repeats the request once, with its tools.
 */
export function toolsOfPage(
  session: ClientSession,
  { clientTools, clientToolsFingerprint }: DeclaredTools,
): WireClientTool[] | null {
  if (clientTools !== undefined) {
    assertFits(clientTools, 'clientTools', MAX_TOOLS_BYTES);
    return clientTools;
  }
  if (clientToolsFingerprint === undefined) return null;
  if (session.tools !== null && session.toolsFingerprint === clientToolsFingerprint) {
    return readMember(z.array(clientToolSchema), session.tools, 'clientTools');
  }
  throw new RuntypeError('invalid_transition', 'client_tools_resend_required', {
    status: 409,
    members: { clientToolsFingerprint },
  });
}

/** Tools that the request has brought along, checked by `toolsOfPage`, are the session's from now on. */
export async function keepTools(
  engine: Engine,
  session: ClientSession,
  { clientTools, clientToolsFingerprint }: DeclaredTools,
): Promise<void> {
  if (clientTools === undefined) return;
  const kept = clientTools as unknown as JsonObject[];
  await engine.clients.keepTools(session.id, kept, clientToolsFingerprint ?? null);
}
