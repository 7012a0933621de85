/** What a request schema of the protocol package accepts, before its defaults are filled in. */
export type InputOf<S extends { _zod: { input: unknown } }> = S['_zod']['input'];
