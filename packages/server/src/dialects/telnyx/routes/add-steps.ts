import { planSteps } from './plan-steps.ts';

export const addSteps = planSteps('add', {
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan/steps',
  summary: 'Add plan steps',
  description: 'Also before there is a plan. The same steps again are answered with the steps as they stand.',
});
