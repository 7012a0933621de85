import type { JsonObject } from '@fermata/protocol';
import { z } from 'zod';
import type { Engine } from '../../engine/facade.ts';
import type { ClientSession } from '../../engine/facade-clients.ts';
import { clientToolSchema, type WireClientTool } from './client-tools.ts';
import { RuntypeError } from './errors.ts';
import { readMember } from './validation.ts';

export interface DeclaredTools {
  clientTools?: WireClientTool[] | undefined;
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
): Promise<WireClientTool[] | null> {
  if (clientTools !== undefined) {
    const kept = clientTools as unknown as JsonObject[];
    await engine.clients.keepTools(session.id, kept, clientToolsFingerprint ?? null);
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
