import { z } from 'zod';
import { jobSchema } from '../job.ts';
import { idParameter } from './parameter.ts';

export const jobParamsSchema = z.object({ jobId: idParameter('Job id') });
export const getJobParamsSchema = jobParamsSchema;
export const getJobReplySchema = jobSchema;
