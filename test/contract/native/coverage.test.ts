import { describeCoverage } from '../requirement-coverage.ts';
import { REQUIREMENTS } from './requirements.ts';

describeCoverage('native API', import.meta.url, REQUIREMENTS, 50);
