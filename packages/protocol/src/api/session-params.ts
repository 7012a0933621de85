import { z } from 'zod';
import { idParameter } from './parameter.ts';

export const sessionParamsSchema = z.object({ sessionId: idParameter('Session id') });
