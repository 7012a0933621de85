/** Members of a native step, where this wire has them. Those that are not here have the same name in both. */
const MEMBERS: Readonly<Record<string, string>> = {
  agent: 'config',
  args: 'config.parameters',
  condition: 'config.condition',
  delayMs: 'config.delayMs',
  else: 'config.falseSteps',
  messages: 'config.previousMessages',
  onError: 'config.errorHandling',
  output: 'config.outputVariable',
  pick: 'config.responseMapping',
  poll: 'config.poll',
  prompt: 'config.userPrompt',
  request: 'config.http',
  response: 'config.responseType',
  script: 'config.script',
  text: 'config.message',
  then: 'config.trueSteps',
  tool: 'config.tool',
  until: 'config.until',
  value: 'config.value',
  variable: 'config.variableName',
};

const LISTS: ReadonlySet<string> = new Set(['steps', 'then', 'else', 'trueSteps', 'falseSteps']);

/**
 * Where a fault of a flow that the native schema or the engine has found stands in what was sent. Places of this wire,
 * and those outside of steps, stay as they are.
 */
export function wirePlace(path: string): string {
  if (!/^(?:flow\.)?steps(?:\.|\[)/.test(path)) return path;
  const names = path.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  return names.map((name, index) => placeOf(name, names.slice(0, index))).join('');
}

function placeOf(name: string, before: readonly string[]): string {
  if (/^\d+$/.test(name)) return `[${name}]`;
  const dot = before.length === 0 ? '' : '.';
  const isAgents = name === 'instructions' && before.at(-1) === 'agent';
  return `${dot}${isAgents ? 'systemPrompt' : isOfStep(before) ? (MEMBERS[name] ?? name) : name}`;
}

function isOfStep(before: readonly string[]): boolean {
  const [list = '', index = ''] = before.slice(-2);
  return LISTS.has(list) && /^\d+$/.test(index);
}
