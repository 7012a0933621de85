import { expect, it } from 'vitest';
import { wirePlace } from './step-places.ts';

it.each([
  ['flow.steps.0.text', 'flow.steps[0].config.message'],
  ['flow.steps[0].output', 'flow.steps[0].config.outputVariable'],
  ['steps.2.then.1.script', 'steps[2].config.trueSteps[1].config.script'],
  ['flow.steps.0.else.0.agent.instructions', 'flow.steps[0].config.falseSteps[0].config.systemPrompt'],
  ['flow.steps.1.request.url', 'flow.steps[1].config.http.url'],
  ['flow.steps.1.onError.fallbacks.0.model', 'flow.steps[1].config.errorHandling.fallbacks[0].model'],
])('%s is %s on the wire', (path, place) => {
  expect(wirePlace(path)).toBe(place);
});

it.each([
  'flow.steps[0].config.message',
  'flow.steps[0].config.trueSteps[1].type',
  'flow.steps[0].id',
  'flow.steps',
  'agent.tools.0.text',
  'steps',
  '',
])('%s stays as it is', (path) => {
  expect(wirePlace(path)).toBe(path);
});
