import { planSteps } from './plan-steps.ts';

export const createPlan = planSteps('create', {
  path: '/ai/missions/{mission_id}/runs/{run_id}/plan',
  summary: 'Create plan',
  description: 'The same plan again is answered with its steps as they stand; another one is refused.',
});
