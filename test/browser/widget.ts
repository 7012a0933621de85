import type { Json, JsonObject } from '@fermata/protocol';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

/** A message of the widget's transcript, as the widget itself keeps it. */
export interface WidgetMessage {
  id: string;
  role: 'user' | 'assistant';
  content: string;
  variant?: 'reasoning' | 'tool' | 'approval';
  streaming?: boolean;
  reasoning?: { status: string; chunks: string[] };
  toolCall?: { id: string; name: string; status: string; args?: Json; result?: Json };
  approval?: { id: string; status: string; toolName: string; executionId: string; agentId: string };
}

/** A request that the page made. */
export interface PageRequest {
  method: string;
  path: string;
  body: JsonObject;
  headers: Record<string, string>;
}

export interface PageTool {
  name: string;
  answer: Json;
  schema?: JsonObject;
}

export interface WidgetOptions {
  /** As a customer would write it into the page. */
  config: JsonObject;
  pageTools?: readonly PageTool[];
  /** With the widget's own gate before each page tool. */
  asksBeforePageTools?: boolean;
  /** Where a stream that broke off is gone on with: the events URL without its query. */
  reconnect?: { base: string; headers: Record<string, string> };
}

/** The unmodified widget in a tab of a real browser. */
export class Widget implements AsyncDisposable {
  readonly page: Page;
  readonly requests: PageRequest[] = [];
  /** What the page has said to its console as an error, and errors that nobody caught. */
  readonly errors: string[] = [];
  readonly #context: BrowserContext;
  readonly #ownsContext: boolean;
  readonly #options: WidgetOptions;

  private constructor(page: Page, options: WidgetOptions, ownsContext: boolean) {
    this.page = page;
    this.#context = page.context();
    this.#ownsContext = ownsContext;
    this.#options = options;
    page.on('pageerror', (error) => void this.errors.push(error.message));
    page.on('request', (request) => {
      if (request.method() !== 'POST') return;
      const body = request.postData();
      this.requests.push({
        method: request.method(),
        path: new URL(request.url()).pathname,
        body: body === null ? {} : (JSON.parse(body) as JsonObject),
        headers: request.headers(),
      });
    });
  }

  /** Opens the page in a context of its own; `beside`: in another tab of that widget's browser profile. */
  static async open(
    browser: Browser,
    pageUrl: string,
    options: WidgetOptions,
    beside?: Widget,
  ): Promise<Widget> {
    const context = beside?.page.context() ?? (await browser.newContext());
    const widget = new Widget(await context.newPage(), options, beside === undefined);
    await widget.page.goto(pageUrl);
    await widget.#start();
    return widget;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.#start();
  }

  async #start(): Promise<void> {
    const { config, pageTools = [], asksBeforePageTools = false, reconnect = null } = this.#options;
    const start: PageStart = {
      config: { launcher: { enabled: false }, ...config },
      pageTools: [...pageTools],
      asksBeforePageTools,
      reconnect,
    };
    await this.page.evaluate(startInPage, JSON.stringify(start));
    await this.#composer().waitFor();
  }

  #composer(): Locator {
    return this.page.locator('[data-persona-composer-input]');
  }

  async send(text: string): Promise<void> {
    await this.#composer().fill(text);
    await this.#composer().press('Enter');
  }

  messages(): Promise<WidgetMessage[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).fermataWidget.getMessages());
  }

  /** What the run has said, one entry a bubble. */
  async texts(): Promise<string[]> {
    const messages = await this.messages();
    return messages.filter(isAnswer).map((message) => message.content);
  }

  /** Waits until the transcript is as it should be, and fails with what it is instead. */
  async until(isSo: (messages: WidgetMessage[]) => boolean, timeoutMs = 15_000): Promise<WidgetMessage[]> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const messages = await this.messages();
      if (isSo(messages)) return messages;
      if (Date.now() > end) throw new Error(`the widget shows ${JSON.stringify(messages, null, 1)}`);
      await this.page.waitForTimeout(20);
    }
  }

  /** Waits until a bubble holds exactly this text, to its end. */
  untilText(text: string, timeoutMs?: number): Promise<WidgetMessage[]> {
    return this.until(
      (messages) =>
        messages.some(
          (message) => isAnswer(message) && message.content === text && message.streaming !== true,
        ),
      timeoutMs,
    );
  }

  async approvals(count: number): Promise<NonNullable<WidgetMessage['approval']>[]> {
    const pending = (messages: WidgetMessage[]): NonNullable<WidgetMessage['approval']>[] =>
      messages.flatMap(({ approval }) => (approval === undefined ? [] : [approval]));
    return pending(await this.until((messages) => pending(messages).length >= count));
  }

  async decide(approvalId: string, action: 'allow' | 'deny'): Promise<void> {
    await this.page
      .locator(`[data-message-id="approval-${approvalId}"] button[data-action="${action}"]`)
      .click();
  }

  /** Requests that ended in this path. */
  sentTo(path: string): PageRequest[] {
    return this.requests.filter((request) => request.path.endsWith(path));
  }

  /** Arguments with which the page's tools were called, in order. */
  called(): Promise<{ name: string; args: Json }[]> {
    return this.page.evaluate(() => (globalThis as unknown as InPage).fermataCalled);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ownsContext) await this.#context.close();
    else await this.page.close();
  }
}

function isAnswer(message: WidgetMessage): boolean {
  return message.role === 'assistant' && message.variant === undefined && message.content !== '';
}

interface InPage {
  AgentWidget: {
    initAgentWidget(options: { target: string; config: object }): { getMessages(): WidgetMessage[] };
  };
  document: { modelContext?: { registerTool(tool: object): unknown } };
  fermataWidget: { getMessages(): WidgetMessage[] };
  fermataCalled: { name: string; args: Json }[];
}

/** What the widget knows of a stream that broke off. */
interface Dropped {
  executionId: string;
  after: string;
  signal: AbortSignal;
}

interface PageStart {
  config: object;
  pageTools: PageTool[];
  asksBeforePageTools: boolean;
  reconnect: { base: string; headers: Record<string, string> } | null;
}

/** Runs in the page: only what is handed in is there. */
function startInPage(json: string): void {
  const start = JSON.parse(json) as PageStart;
  const window = globalThis as unknown as InPage;
  window.fermataCalled = [];
  const { reconnect } = start;
  window.fermataWidget = window.AgentWidget.initAgentWidget({
    target: '#chat',
    config: {
      ...start.config,
      ...(start.pageTools.length === 0
        ? {}
        : {
            webmcp: {
              enabled: true,
              ...(start.asksBeforePageTools ? {} : { autoApprove: () => true }),
            },
          }),
      ...(reconnect === null
        ? {}
        : {
            reconnect: { backoffMs: [200, 200, 400, 400, 800, 800, 1600, 1600, 3200] },
            reconnectStream: ({ executionId, after, signal }: Dropped) =>
              fetch(`${reconnect.base}/${executionId}/events?after=${after}`, {
                headers: reconnect.headers,
                signal,
              }),
          }),
    },
  });
  if (start.pageTools.length === 0) return;
  const { modelContext } = window.document;
  if (modelContext === undefined) throw new Error('the page has no model context');
  for (const { name, answer, schema } of start.pageTools) {
    modelContext.registerTool({
      name,
      description: `The page’s ${name}`,
      inputSchema: schema ?? { type: 'object', properties: {} },
      execute: (args: Json) => {
        window.fermataCalled.push({ name, args });
        return Promise.resolve(answer);
      },
    });
  }
}
