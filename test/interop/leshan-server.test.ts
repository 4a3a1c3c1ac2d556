/** Our LwM2M client under a server on Eclipse Leshan's library (Maven Central; needs a JDK). */
import assert from 'node:assert/strict';
import { SystemClock } from '../../src/clock';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { Firmware } from '../../src/lwm2m/client/firmware';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { leshanClassPath } from './leshan';
import { LeshanManager } from './leshan-manager';
import { skipWithout } from './program';
import { eventually } from './server';

const PREPARE_MS = 240_000;
const endpoint = 'our-device';

describe('our device under a Leshan server', function () {
  this.timeout(30_000);
  let leshan: LeshanManager;
  let device: Lwm2mClient;

  const line = (what: string, pattern: RegExp): Promise<string> => leshan.line(what, pattern);
  const ask = (command: string): Promise<string> => leshan.ask(command);

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    leshan = await LeshanManager.start(classPath);
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave', 7: [3800, 5000], 9: 85, 14: '+01:00', 15: 'UTC' }, { 12: { execute: () => undefined } });
    objects.add(3303, 0, { 5700: 21.5, 5701: 'x'.repeat(3_000) });
    new Firmware(objects, { clock: new SystemClock(), install: () => undefined });
    objects.permit(3303, { create: true, delete: true });
    device = new Lwm2mClient({ endpoint, server: leshan.server, objects, lifetime: 300, muteSend: false });
    await device.start();
  });
  after(async () => {
    await device?.stop();
    await leshan?.stop();
  });

  it('registers with its version, formats and objects', async () => {
    const registered = await line('the registration', /^registered .*$/m);
    assert.match(registered, /lwM2mVersion=1\.1/);
    assert.match(registered, /lifeTimeInSec=300/);
    assert.match(registered, /SENML_CBOR\(112\)/);
    assert.match(registered, /availableInstances=\[\/1\/0, \/3\/0, \/5\/0, \/3303\/0\]/);
  });

  for (const format of ['', '0', '60', '110', '112', '11542', '11543']) {
    it(`is read in ${format === '' ? 'the format of its choice' : `format ${format}`}`, async () => {
      assert.match(await ask(`read /3303/0/5700 ${format}`.trim()), /^205 .*value=21\.5/);
    });
  }

  for (const format of ['110', '112', '11542', '11543']) {
    it(`gives an instance, a multiple resource and a long text in format ${format}`, async () => {
      assert.match(await ask(`read /3/0 ${format}`), /^205 .*value=Fleetweave.*value=\+01:00/);
      assert.match(await ask(`read /3/0/7 ${format}`), /^205 .*value=3800.*value=5000/);
      assert.match(await ask(`read /3303/0/5701 ${format}`), /^205 .*value=x{3000}/);
    });
  }

  for (const format of ['0', '110', '112', '11542', '11543']) {
    it(`is written in format ${format}`, async () => {
      assert.match(await ask(`write /3/0/14 ${format} +0${format.length}:00`), /^204 /);
      assert.equal(device.objects.get('/3/0/14'), `+0${format.length}:00`);
    });
  }

  it('tells of a lifetime it was given', async () => {
    assert.match(await ask('write /1/0/1 11542 200'), /^204 /);
    await line('the Update', /^updated .*lifeTimeInSec=200/m);
  });

  it('is discovered with attributes, and answers each mistake with its code', async () => {
    assert.match(await ask('pmax /3303/0/5700 1'), /^204 /);
    assert.match(await ask('discover /3303/0/5700'), /<\/3303\/0\/5700>;pmax=1/);
    assert.match(await ask('read /9/0'), /^404 /);
    assert.match(await ask('write /3/0/9 0 5'), /^405 /);
    assert.match(await ask('execute /3/0/9'), /^405 /);
  });

  it('is executed, and gets and loses an instance', async () => {
    assert.match(await ask("execute /3/0/12 0='a'"), /^204 /);
    assert.match(await ask('create /3303 11542 1.5'), /^201 .*3303\/1/);
    await line('the Update', /^updated .*\/3303\/1/m);
    assert.match(await ask('delete /3303/1'), /^202 /);
  });

  it('takes and gives a large body in blocks', async () => {
    assert.match(await ask('write /5/0/0 42 200000'), /^204 /);
    assert.match(await ask('read /5/0/3'), /^205 .*value=2/);
    device.setValue('/3303/0/5701', 'y'.repeat(100_000));
    const given = await ask('read /3303/0/5701 0');
    assert.equal(given.match(/y+(?=[,\]])/)?.[0].length, 100_000);
    const many = await ask('read-composite /3303/0/5701,/3/0/9 112');
    assert.equal(many.match(/y+(?=[,\]])/)?.[0].length, 100_000);
    device.setValue('/3303/0/5701', 'Cel');
  });

  it('notifies, and repeats after pmax', async () => {
    assert.match(await ask('observe /3303/0/5700'), /^205 /);
    device.setValue('/3303/0/5700', 30.5);
    await line('the notification', /^notified \/3303\/0\/5700 .*value=30\.5/m);
    await eventually('the repetition', () =>
      (leshan.output.match(/^notified .*value=30\.5/gm)?.length ?? 0) > 1 ? true : undefined,
    );
  });

  for (const format of ['110', '112']) {
    it(`is read, written and observed at several paths in format ${format}`, async () => {
      const read = await ask(`read-composite /3/0/0,/3303/0/5700,/3/0/21 ${format}`);
      assert.match(read, /^205 /);
      assert.match(read, /\/3\/0\/0=.*value=Fleetweave/);
      assert.match(read, /\/3303\/0\/5700=.*value=\d/);
      assert.match(read, /\/3\/0\/21=null/);
      assert.match(await ask(`write-composite /3/0/14=+0${format.slice(2)}:30,/3/0/15=Zone${format} ${format}`), /^204 /);
      assert.equal(device.objects.get('/3/0/14'), `+0${format.slice(2)}:30`);
      assert.equal(device.objects.get('/3/0/15'), `Zone${format}`);
      assert.match(await ask(`observe-composite /3303/0/5701,/3/0/9 ${format}`), /^205 /);
      device.setValue('/3/0/9', Number(format) / 2);
      await line('the notification', new RegExp(`^notified .*/3/0/9=.*value=${Number(format) / 2}`, 'm'));
      assert.match(await ask('cancel-composite /'), /^205 /);
      assert.deepEqual(device.observations, ['/3303/0/5700']);
    });
  }

  it('does not let several paths be written when one of them is read-only', async () => {
    assert.match(await ask('write-composite /3/0/15=nowhere,/3/0/0=Mallory 112'), /^405 /);
    assert.equal(device.objects.get('/3/0/15'), 'Zone112');
  });

  it('sends by itself', async () => {
    await device.send(['/3/0/9', '/3303/0/5700']);
    await line('the Send', /^sent .*\/3\/0\/9=/m);
  });

  it('leaves', async () => {
    await device.stop();
    await line('the de-registration', /^unregistered our-device$/m);
  });
});

describe('our device in queue mode under a Leshan server', function () {
  this.timeout(30_000);
  const name = 'our-queued';
  const AWAKE_MS = 1_500;
  let leshan: LeshanManager;
  let device: Lwm2mClient;

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    leshan = await LeshanManager.start(classPath, `awake ${AWAKE_MS}`);
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave' });
    device = new Lwm2mClient({ endpoint: name, server: leshan.server, objects, queueMode: true, awakeMs: AWAKE_MS });
    await device.start();
  });
  after(async () => {
    await device?.stop();
    await leshan?.stop();
  });

  it('is taken to sleep when it does, and is not asked then', async () => {
    assert.match(await leshan.line('the registration', /^registered .*$/m), /queueMode=true/);
    await leshan.line('sleep', /^asleep our-queued$/m);
    await eventually('our sleep', () => (device.isAsleep ? true : undefined));
    assert.match(await leshan.ask('read /3/0/0'), /ClientSleepingException/);
  });

  it('is asked when it has come with an Update', async () => {
    device.update();
    await leshan.line('the Update', /^asleep our-queued$[\s\S]*^awake our-queued$[\s\S]*^updated /m);
    assert.match(await leshan.ask('read /3/0/0'), /^205 .*value=Fleetweave/);
  });
});
