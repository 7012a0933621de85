import { benchCommits } from './commits.ts';
import { benchWorld, type Figure } from './world.ts';

await using world = await benchWorld();
const figures: Record<string, Figure> = await benchCommits(world);
console.table(figures);
