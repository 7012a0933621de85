import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { findBrowser, HOW_TO_GET_ONE } from './find-browser.ts';
import { startHostPage, type HostPage } from './host-page.ts';
import { Widget, type WidgetOptions } from './widget.ts';

/** Nothing but the page is to be talked to. */
const SWITCHES = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const executablePath = findBrowser();
if (executablePath === null) console.warn(`Browser tests are skipped: ${HOW_TO_GET_ONE}.`);

export interface Visitor {
  /** Origin of the page that has the widget. */
  origin(): string;
  /** A visitor's tab with the widget in it; `beside`: a second tab of that one's browser. */
  open(options: WidgetOptions, beside?: Widget): Promise<Widget>;
}

/** One browser and one page for all tests of a file; what they open is closed with them. */
export function sharedVisitor(): Visitor {
  let browser: Browser;
  let page: HostPage;
  beforeAll(async () => {
    if (executablePath === null) return;
    // Chromium refuses its sandbox to root.
    const isRoot = process.getuid?.() === 0;
    browser = await chromium.launch({
      executablePath,
      args: [...SWITCHES, ...(isRoot ? ['--no-sandbox'] : [])],
    });
    page = await startHostPage();
  });
  afterAll(async () => {
    if (executablePath === null) return;
    await browser.close();
    await page[Symbol.asyncDispose]();
  });
  return {
    origin: () => new URL(page.url).origin,
    open: (options, beside) => Widget.open(browser, page.url, options, beside),
  };
}
