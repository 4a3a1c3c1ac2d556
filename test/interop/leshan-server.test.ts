/** Our LwM2M client under a server on Eclipse Leshan's library (Maven Central; needs a JDK). */
import assert from 'node:assert/strict';
import path from 'node:path';
import { SystemClock } from '../../src/clock';
import { Lwm2mClient } from '../../src/lwm2m/client/client';
import { Firmware } from '../../src/lwm2m/client/firmware';
import { ObjectTree } from '../../src/lwm2m/client/objects';
import { leshanClassPath } from './leshan';
import { Program, skipWithout } from './program';
import { eventually, freeUdpPort, HOST } from './server';

const PREPARE_MS = 240_000;
const START_MS = 40_000;
const endpoint = 'our-device';

describe('our device under a Leshan server', function () {
  this.timeout(30_000);
  let leshan: Program;
  let device: Lwm2mClient;
  let answers = 0;

  const line = (what: string, pattern: RegExp): Promise<string> => eventually(what, () => pattern.exec(leshan.output)?.[0]);

  /** Has Leshan do something, and gives what it got: "205 ReadResponse …". */
  async function ask(command: string): Promise<string> {
    const before = answers++;
    leshan.say(command);
    return eventually(command, () =>
      leshan.output
        .split('\n')
        .filter((text) => text.startsWith('= '))
        [before]?.slice(2),
    );
  }

  before(async function () {
    this.timeout(PREPARE_MS);
    const classPath = await leshanClassPath('leshan-server').catch((error: Error) => skipWithout(this, 'Leshan', error.message));
    const port = await freeUdpPort();
    const folder = path.join(__dirname, 'leshan-server');
    const models = path.join(__dirname, 'leshan', 'models');
    leshan = new Program('java', ['-cp', classPath, path.join(folder, 'LeshanManager.java'), String(port), models]);
    await eventually('Leshan starts', () => (leshan.output.includes('ready') ? true : undefined), START_MS);
    const objects = new ObjectTree({ version: '1.1' });
    objects.add(3, 0, { 0: 'Fleetweave', 7: [3800, 5000], 9: 85, 14: '+01:00' }, { 12: { execute: () => undefined } });
    objects.add(3303, 0, { 5700: 21.5, 5701: 'x'.repeat(3_000) });
    new Firmware(objects, { clock: new SystemClock(), install: () => undefined });
    objects.permit(3303, { create: true, delete: true });
    device = new Lwm2mClient({ endpoint, server: { host: HOST, port }, objects, lifetime: 300, muteSend: false });
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

  it('takes a large body in blocks', async () => {
    assert.match(await ask('write /5/0/0 42 5000'), /^204 /);
    assert.match(await ask('read /5/0/3'), /^205 .*value=2/);
  });

  it('notifies, and repeats after pmax', async () => {
    assert.match(await ask('observe /3303/0/5700'), /^205 /);
    device.setValue('/3303/0/5700', 30.5);
    await line('the notification', /^notified \/3303\/0\/5700 .*value=30\.5/m);
    await eventually('the repetition', () =>
      (leshan.output.match(/^notified .*value=30\.5/gm)?.length ?? 0) > 1 ? true : undefined,
    );
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
