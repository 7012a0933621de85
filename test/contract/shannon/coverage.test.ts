import { describeCoverage } from '../requirement-coverage.ts';
import { REQUIREMENTS } from './requirements.ts';

describeCoverage('Shannon face', import.meta.url, REQUIREMENTS, 40);
