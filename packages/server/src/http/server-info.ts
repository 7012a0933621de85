/** What the server tells about itself. */
export interface ServerInfo {
  version: string;
  /** Base of links, without a trailing slash; null: the host that the request named. */
  publicUrl: string | null;
}
