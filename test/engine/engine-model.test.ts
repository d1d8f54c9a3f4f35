/** Random commands against a plain model of S3; then the journal is replayed and must give the same rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tables } from '../../engine/bucket/row-keys.ts';
import type { ObjectInfo, ObjectPage, VersionPage } from '../../engine/vocabulary.ts';
import { memoryStore } from '../../snapshots/memory-store.ts';
import { rangeRowsMax, type StateStore } from '../../snapshots/state-store.ts';
import { accepted, putCommand, rejected, type TestEngine, testEngine } from '../support/engine.ts';
import { readAll } from '../support/memory-blob-store.ts';
import { StoreModel } from './store-model.ts';

const bucket = 'photos';
const noConditions = {};

type Step =
  | { readonly does: 'put'; readonly key: string; readonly size: number; readonly condition: 'none' | 'absent' | 'current' }
  | { readonly does: 'copy'; readonly key: string; readonly source: string; readonly pick: number }
  | { readonly does: 'remove'; readonly key: string }
  | { readonly does: 'removeVersion'; readonly key: string; readonly pick: number }
  | { readonly does: 'versioning'; readonly to: 'enabled' | 'suspended' }
  | { readonly does: 'upload'; readonly key: string; readonly parts: number };

/** Few keys, so that their versions pile up. */
const key = fc.constantFrom('a', 'a', 'a', 'a/b', 'a/b', 'a/b/c', 'a0', 'ü/\u{1f600}', 'ü/\uffff');
/** More pages than any walk through a listing may take. */
const pagesMax = 200;
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constant('put' as const),
      key,
      size: fc.constantFrom(0, 3, 1024, 1025, 3000),
      condition: fc.constantFrom('none', 'none', 'absent', 'current'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('copy' as const), key, source: key, pick: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant('remove' as const), key }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('removeVersion' as const), key, pick: fc.constantFrom(0, 0, 0, 1, 2, 3) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('versioning' as const), to: fc.constantFrom('enabled', 'suspended') }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('upload' as const), key, parts: fc.integer({ min: 1, max: 6 }) }) },
);

/** Long enough that most objects differ. */
const contentOf = (size: number, at: number): string => `${at}:`.padEnd(size, 'x').slice(0, size);

class Run {
  readonly house: TestEngine;
  readonly model = new StoreModel();
  private at = 0;

  constructor(house: TestEngine) {
    this.house = house;
  }

  async take(step: Step): Promise<void> {
    this.at += 1;
    switch (step.does) {
      case 'put':
        return this.put(step);
      case 'copy':
        return this.copy(step);
      case 'remove': {
        const gone = await accepted(this.house.engine.deleteObject(this.caller(), { bucket, key: step.key, conditions: noConditions }));
        assert.equal(gone.markerPlaced, this.model.versioning !== 'unversioned');
        return this.model.remove(step.key, gone.versionId ?? 'null');
      }
      case 'removeVersion': {
        const versions = this.model.keys.get(step.key) ?? [];
        const version = versions[step.pick % Math.max(versions.length, 1)];
        const versionId = version?.id ?? (step.pick === 0 ? 'null' : '0'.repeat(32));
        const gone = await accepted(
          this.house.engine.deleteObject(this.caller(), { bucket, key: step.key, versionId, conditions: noConditions }),
        );
        assert.equal(gone.deleteMarker, version?.marker ?? false);
        return this.model.removeVersion(step.key, versionId);
      }
      case 'versioning':
        await accepted(this.house.engine.putBucketVersioning(this.caller(), bucket, step.to));
        this.model.versioning = step.to;
        return;
      case 'upload':
        return this.upload(step);
    }
  }

  private async put(step: Extract<Step, { does: 'put' }>): Promise<void> {
    const { engine } = this.house;
    const content = contentOf(step.size, this.at);
    const current = this.model.current(step.key);
    if (step.condition === 'absent') {
      const outcome = engine.putObject(this.caller(), putCommand(bucket, step.key, content, { conditions: { ifNoneMatch: '*' } }));
      if (current !== undefined) return void (await rejected(outcome, 'PreconditionFailed'));
      return this.model.put(step.key, content, (await accepted(outcome)).versionId ?? 'null');
    }
    const conditions = step.condition === 'current' ? { ifMatch: '*' } : {};
    const outcome = engine.putObject(this.caller(), putCommand(bucket, step.key, content, { conditions }));
    if (step.condition === 'current' && current === undefined) return void (await rejected(outcome, 'NoSuchKey'));
    this.model.put(step.key, content, (await accepted(outcome)).versionId ?? 'null');
  }

  private async copy(step: Extract<Step, { does: 'copy' }>): Promise<void> {
    const versions = this.model.keys.get(step.source) ?? [];
    const version = versions[step.pick % Math.max(versions.length, 1)];
    if (version === undefined) return;
    const source = { bucket, key: step.source, versionId: version.id, conditions: noConditions };
    const metadata = { headers: {}, user: { copied: `${this.at}` } };
    const copy = {
      bucket,
      key: step.key,
      source,
      metadata,
      placement: undefined,
      tags: undefined,
      conditions: noConditions,
      algorithm: undefined,
    };
    const outcome = this.house.engine.copyObject(this.caller(), copy);
    if (version.marker) return void (await rejected(outcome, 'InvalidRequest'));
    this.model.put(step.key, version.content, (await accepted(outcome)).versionId ?? 'null');
  }

  private async upload(step: Extract<Step, { does: 'upload' }>): Promise<void> {
    const { engine } = this.house;
    const create = { bucket, key: step.key, metadata: { headers: {}, user: {} }, tags: [], checksum: undefined };
    const { uploadId } = await accepted(engine.createMultipartUpload(this.caller(), create));
    const parts = [];
    let content = '';
    for (let partNumber = 1; partNumber <= step.parts; partNumber += 1) {
      const bytes = contentOf(1000 + partNumber, this.at);
      const { body } = putCommand(bucket, step.key, bytes);
      const part = await accepted(engine.uploadPart(this.caller(), { bucket, key: step.key, uploadId, partNumber, body }));
      parts.push({ partNumber, etag: part.etag, checksum: undefined });
      content += bytes;
    }
    const asked = { conditions: {}, objectSize: content.length, checksum: undefined, checksumType: undefined };
    const written = await accepted(engine.completeMultipartUpload(this.caller(), { bucket, key: step.key, uploadId, parts, ...asked }));
    this.model.put(step.key, content, written.versionId ?? 'null');
  }

  /** Everything that can be read is as the model has it. */
  async compare(): Promise<void> {
    for (const [name, versions] of this.model.keys) {
      for (const version of versions) await this.compareVersion(name, version);
      const current = this.model.current(name);
      const outcome = this.house.engine.getObject(this.caller(), { bucket, key: name, conditions: {} });
      if (current === undefined) await rejected(outcome, 'NoSuchKey', { 'header:x-amz-delete-marker': 'true' });
      else assert.equal((await readAll((await accepted(outcome)).body)).toString(), current.content);
    }
    for (const prefix of ['', 'a', 'a/', 'ü']) {
      for (const delimiter of ['', '/', 'b']) {
        for (const max of [1, 2, 1000]) await this.compareListings(prefix, delimiter, max);
      }
    }
  }

  private async compareVersion(name: string, version: { id: string; marker: boolean; content: string }): Promise<void> {
    const outcome = this.house.engine.getObject(this.caller(), { bucket, key: name, versionId: version.id, conditions: {} });
    if (version.marker) return void (await rejected(outcome, 'MethodNotAllowed'));
    const content = await accepted(outcome);
    assert.equal((await readAll(content.body)).toString(), version.content);
    assert.equal(content.object.size, version.content.length);
  }

  private async compareListings(prefix: string, delimiter: string, max: number): Promise<void> {
    const { engine } = this.house;
    const names: string[] = [];
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: ObjectPage = await accepted(engine.listObjects(this.caller(), { bucket, prefix, delimiter, after, max }));
      assert.ok(page.objects.length + page.commonPrefixes.length <= max);
      names.push(...inOrder([...page.objects.map((object) => object.key), ...page.commonPrefixes]));
      after = page.next;
      assert.ok(names.length < pagesMax, 'the walk comes to an end');
    }
    assert.deepEqual(
      names,
      this.model.listing(prefix, delimiter).map(([name]) => name),
      `list ${prefix} ${delimiter} ${max}`,
    );
    const versions: string[] = [];
    let marker: VersionPage['next'] = { key: '', versionId: undefined };
    while (marker !== undefined) {
      const query = { bucket, prefix, delimiter, keyMarker: marker.key, versionIdMarker: marker.versionId, max };
      const page: VersionPage = await accepted(engine.listObjectVersions(this.caller(), query));
      assert.ok(page.versions.length + page.commonPrefixes.length <= max);
      versions.push(...mergedPage(page.versions, page.commonPrefixes));
      marker = page.next;
      assert.ok(versions.length < pagesMax, 'the walk comes to an end');
    }
    assert.deepEqual(versions, this.model.versionListing(prefix, delimiter), `versions ${prefix} ${delimiter} ${max}`);
  }

  private caller() {
    return this.house.caller();
  }
}

function inOrder(names: string[]): string[] {
  return names.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

/** Versions in the order given, common prefixes between them by key. */
function mergedPage(versions: readonly ObjectInfo[], commonPrefixes: readonly string[]): string[] {
  const entries = versions.map((version) => ({
    key: version.key,
    text: `${version.key} ${version.versionId} ${version.deleteMarker ? 'marker' : 'version'}${version.isLatest ? ' latest' : ''}`,
  }));
  const all = [...entries, ...commonPrefixes.map((common) => ({ key: common, text: common }))];
  return all.sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key))).map((entry) => entry.text);
}

async function rowsIn(store: StateStore): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const table of [...Object.values(tables), 'streams']) {
    const rows = await store.range(table, { limit: rangeRowsMax });
    found[table] = rows.map((row) => `${row.key.toString('latin1')}=${row.value.toString('latin1')}`);
  }
  return found;
}

test('random commands: answers, listings and rebuilt rows are those of the model', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
    const house = await testEngine();
    const run = new Run(house);
    await accepted(house.engine.createBucket(house.caller(), { bucket, locationConstraint: '' }));
    for (const each of steps) {
      await run.take(each);
      await house.clock.advance(1);
    }
    await run.compare();
    const live = await rowsIn(house.store);
    const rebuilt = await testEngine({ log: house.log, store: memoryStore(), blobs: house.blobs, clock: house.clock });
    assert.deepEqual(await rowsIn(rebuilt.store), live);
    await rebuilt.engine.close();
    await checkReferences(live);
    await house.engine.close();
  });
  await fc.assert(property, { numRuns: 80, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false });
});

/** Every blob is held by exactly the versions that show it, and what nobody holds is a candidate of the reclaimer. */
async function checkReferences(rows: Record<string, string[]>): Promise<void> {
  const held = new Set(rows.refs!.filter((row) => /^.{32}\0[vp]/.test(row)).map((row) => row.slice(0, 32)));
  const orphans = new Set(rows.orphans!.map((row) => row.slice(8, 40)));
  for (const blob of rows.blobs!.map((row) => row.slice(0, 32))) assert.ok(held.has(blob) || orphans.has(blob), `blob ${blob}`);
  assert.deepEqual([rows.uploads, rows.parts], [[], []]);
  const current = rows.heads!.length + rows.versions!.length;
  assert.ok(rows.bodies!.length + rows.manifests!.length <= current);
}
