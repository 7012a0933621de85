import {
  approvalPolicySchema,
  canonicalJson,
  type ApprovalPolicy,
  type Json,
  type RuleCondition,
} from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { needsApproval } from './approval.ts';

function when(condition: RuleCondition, args: Json): boolean {
  return needsApproval({ when: condition }, args);
}

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;

describe('needsApproval', () => {
  it('is as the policy says where it has no rule', () => {
    fc.assert(
      fc.property(json, (args) => {
        expect(needsApproval('never', args)).toBe(false);
        expect(needsApproval(undefined, args)).toBe(false);
        expect(needsApproval('always', args)).toBe(true);
        expect(needsApproval({ approvers: ['boss'] }, args)).toBe(true);
      }),
    );
  });

  it.each<[RuleCondition['op'], Json, Json, boolean]>([
    ['eq', 5, 5, true],
    ['eq', { b: 1, a: [2] }, { a: [2], b: 1 }, true],
    ['eq', '5', 5, false],
    ['ne', 5, 6, true],
    ['gt', 101, 100, true],
    ['gt', 100, 100, false],
    ['gt', '101', 100, true],
    ['gte', 100, 100, true],
    ['lt', 99, 100, true],
    ['lte', 100, 100, true],
    ['gt', '2026-02-01', '2026-01-01', true],
    ['in', 'prod', ['prod', 'staging'], true],
    ['in', 'dev', ['prod', 'staging'], false],
    ['contains', ['a', 'b'], 'b', true],
    ['contains', 'rm -rf /', 'rm -rf', true],
    ['contains', { key: 1 }, 'key', true],
    ['contains', ['a'], 'b', false],
    ['matches', 'user@evil.example', '@evil\\.example$', true],
    ['matches', 'user@good.example', '@evil\\.example$', false],
    ['exists', null, true, true],
    ['exists', 1, false, false],
  ])('%s: %j against %j is %s', (op, actual, value, expected) => {
    expect(when({ path: 'x', op, value }, { x: actual })).toBe(expected);
  });

  it('never matches a value that is missing, but for exists: false', () => {
    const ops = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains', 'matches'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...ops), json, (op, value) => {
        expect(when({ path: 'missing.deep.0', op, value }, { x: 1 })).toBe(false);
      }),
    );
    expect(when({ path: 'missing', op: 'exists', value: false }, {})).toBe(true);
    expect(when({ path: 'missing', op: 'exists' }, {})).toBe(false);
  });

  it('does not look into prototypes', () => {
    expect(when({ path: 'constructor.name', op: 'exists' }, {})).toBe(false);
    expect(when({ path: '__proto__', op: 'exists' }, {})).toBe(false);
    expect(when({ path: 'length', op: 'exists' }, [1])).toBe(false);
  });

  it('finds a value at every path', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', '0'), { minLength: 1, maxLength: 4 }),
        json,
        (path, value) => {
          const args = path.reduceRight<Json>((inner, key) => ({ [key]: inner }), value);
          expect(when({ path: path.join('.'), op: 'eq', value }, args)).toBe(true);
        },
      ),
    );
    expect(when({ path: 'to.1.domain', op: 'eq', value: 'x' }, { to: [{}, { domain: 'x' }] })).toBe(true);
  });

  it('eq and ne are opposites for a value that is there', () => {
    fc.assert(
      fc.property(json, json, (actual, value) => {
        const args = { x: actual };
        expect(when({ path: 'x', op: 'eq', value }, args)).toBe(!when({ path: 'x', op: 'ne', value }, args));
        expect(when({ path: 'x', op: 'eq', value }, args)).toBe(
          canonicalJson(actual) === canonicalJson(value),
        );
      }),
    );
  });

  it('all is every condition, any is one of them', () => {
    const condition = fc.record({
      path: fc.constant('x'),
      op: fc.constantFrom('gt' as const, 'lt' as const),
      value: fc.integer(),
    });
    fc.assert(
      fc.property(fc.array(condition, { maxLength: 4 }), fc.integer(), (conditions, x) => {
        const each = conditions.map((entry) => when(entry, { x }));
        expect(needsApproval({ when: { all: conditions } }, { x })).toBe(each.every(Boolean));
        expect(needsApproval({ when: { any: conditions } }, { x })).toBe(each.some(Boolean));
      }),
    );
  });

  it('asks where it cannot decide', () => {
    expect(when({ path: 'x', op: 'gt', value: 100 }, { x: 'a lot' })).toBe(true);
    expect(when({ path: 'x', op: 'gt', value: 100 }, { x: null })).toBe(true);
    expect(when({ path: 'x', op: 'matches', value: '(' }, { x: 'a' })).toBe(true);
    expect(when({ path: 'x', op: 'eq' }, { x: 'a' })).toBe(true);
  });

  it('does not hang on a hostile pattern, and asks', () => {
    const started = performance.now();
    expect(when({ path: 'x', op: 'matches', value: '^(a+)+$' }, { x: 'a'.repeat(5_000) + '!' })).toBe(true);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('never throws for any policy of the schema and any arguments', () => {
    const condition = fc.record({
      path: fc.string({ minLength: 1 }),
      op: fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains', 'matches', 'exists'),
      value: json,
    });
    fc.assert(
      fc.property(condition, json, (rule, args) => {
        const policy: ApprovalPolicy = approvalPolicySchema.parse({ when: rule });
        expect(typeof needsApproval(policy, args)).toBe('boolean');
      }),
    );
  });
});
