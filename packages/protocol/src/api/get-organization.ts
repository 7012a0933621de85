import { organizationSchema } from '../organization.ts';

export const getOrganizationReplySchema = organizationSchema;
