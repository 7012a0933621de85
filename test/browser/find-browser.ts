import { accessSync, constants } from 'node:fs';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

export const HOW_TO_GET_ONE =
  'no browser was found: install Chromium (Debian: apt-get install chromium), or name one in FERMATA_TEST_BROWSER';

/** The executable of a Chromium on this machine, or null. Nothing is downloaded. */
export function findBrowser(): string | null {
  const named = process.env['FERMATA_TEST_BROWSER'];
  if (named !== undefined && named !== '') return named;
  return PLACES.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
