import { describeCoverage } from '../requirement-coverage.ts';
import { REQUIREMENTS } from './requirements.ts';

describeCoverage('Runtype face', import.meta.url, REQUIREMENTS, 1);
