import { describeCoverage } from '../requirement-coverage.ts';
import { REQUIREMENTS } from './requirements.ts';

describeCoverage('Telnyx face', import.meta.url, REQUIREMENTS, 50);
