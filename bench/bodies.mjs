/** What the simulated devices say: bodies as real clients send them. */

export const OBSERVED_PATH = '/3303/0/5700';

/** Object lists of four kinds of devices, after recorded Registers of common clients. */
export const LINKS = [
  '</>;rt="oma.lwm2m";ct=112,</1>;ver=1.1,</1/0>,</2/0>,</3/0>,</4/0>,</5/0>,</6/0>,</7/0>,</3303/0>,</31024>;ver=1.0,</31024/10>,</31024/11>',
  '</1/1>,</2>,</3/0>,</4/0>,</5/0>,</6/0>,</7/0>,</9/0>,</9/1>,</10>;ver=1.1,</10/0>,</11>,</16>,</19>,</20/0>,</3303/0>,</3313/0>,</3347/0>',
  '</>;rt="oma.lwm2m";ct="110 11542 11543",</1/0>,</3>;ver=1.2,</3/0>,</6/0>,</3303>;ver=1.1,</3303/0>,</3442/0>',
  '</>;rt="oma.lwm2m",</1/0>,</3/0>,</5/0>,</3303/0>,</3304/0>,</3305/0>,</3306/0>,</3306/1>',
];

/** One float for /3303/0/5700, and where its four bytes stand, so that each notification can carry another value. */
export const VALUES = {
  // Resource 5700 (16-bit id), inline length 4.
  tlv: { contentFormat: 11542, payload: Buffer.from('e4164441ac0000', 'hex'), floatAt: 3 },
  // [{bn: "/3303/0/5700", v: 21.5}]
  'senml-cbor': {
    contentFormat: 112,
    payload: Buffer.concat([Buffer.from('81a2216c', 'hex'), Buffer.from(OBSERVED_PATH), Buffer.from('02fa41ac0000', 'hex')]),
    floatAt: 18,
  },
};

/** Values run through this range; a server that delivers another one has decoded wrongly. */
export const VALUE_RANGE = { least: 20, steps: 64, step: 0.25 };
