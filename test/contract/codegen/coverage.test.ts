import { describeCoverage } from '../requirement-coverage.ts';
import { REQUIREMENTS } from './requirements.ts';

describeCoverage('Codegen face', import.meta.url, REQUIREMENTS, 40);
