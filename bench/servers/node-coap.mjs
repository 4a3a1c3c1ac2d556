/**
 * The npm package `coap` as an LwM2M server would use it: requests parsed and stored, reads and observations sent from the same
 * socket. It does less than ours: no lifetimes, no admission, no models, values decoded only as far as this benchmark needs.
 */
import dgram from 'node:dgram';
import coap from 'coap';
import { OBSERVED_PATH, VALUE_RANGE } from '../bodies.mjs';
import { serve } from '../control.mjs';
import { drive } from './drive.mjs';

const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
const registrations = new Map();
const byEndpoint = new Map();
const counts = { registered: 0, updated: 0, deregistered: 0, notified: 0, wrong: 0 };
let sequence = 0;
let agent;

function answer(response, code, location) {
  response.code = code;
  if (location !== undefined) response.setOption('Location-Path', location);
  response.end();
}

const handlers = {
  POST(request, response) {
    const [path, query = ''] = request.url.slice(1).split('?');
    if (path === 'rd') register(request, response, query);
    else update(response, path);
  },
  DELETE(request, response) {
    const id = request.url.slice('/rd/'.length);
    const registration = registrations.get(id);
    if (registration === undefined) {
      answer(response, '4.04');
      return;
    }
    registrations.delete(id);
    byEndpoint.delete(registration.endpoint);
    counts.deregistered++;
    answer(response, '2.02');
  },
};

function register(request, response, query) {
  const parameters = Object.fromEntries(new URLSearchParams(query));
  const objects = parseLinks(request.payload.toString());
  const id = `r${(sequence++).toString(36)}`;
  const { address, port } = request.rsinfo;
  const registration = {
    id,
    endpoint: parameters.ep,
    lifetime: Number(parameters.lt),
    objects,
    address,
    port,
    updatedAt: Date.now(),
  };
  const previous = byEndpoint.get(registration.endpoint);
  if (previous !== undefined) registrations.delete(previous.id);
  registrations.set(id, registration);
  byEndpoint.set(registration.endpoint, registration);
  counts.registered++;
  answer(response, '2.01', ['rd', id].join('/'));
}

/** RFC 6690 as it is usually written in JavaScript: one object per link, with its attributes. */
function parseLinks(text) {
  return [...text.matchAll(/<([^>]*)>((?:;[^,;=]+(?:=(?:"[^"]*"|[^,;]*))?)*)/g)].map(([, path, rest]) => ({
    path,
    attributes: Object.fromEntries(
      rest
        .split(';')
        .slice(1)
        .map((attribute) => attribute.split('=')),
    ),
  }));
}

function update(response, path) {
  const registration = registrations.get(path.slice('rd/'.length));
  if (registration === undefined) {
    answer(response, '4.04');
    return;
  }
  registration.updatedAt = Date.now();
  counts.updated++;
  answer(response, '2.04');
}

/** The float of a TLV or SenML CBOR body of this benchmark: the last but no general decoding. */
function value(response) {
  const { payload } = response;
  return payload.length === 7 ? payload.readFloatBE(3) : payload.readFloatBE(18);
}

function check(response) {
  const temperature = value(response);
  if (!(temperature >= VALUE_RANGE.least && temperature < 100)) counts.wrong++;
}

function get(registration, observe, callback) {
  const request = coap.request({
    hostname: registration.address,
    port: registration.port,
    pathname: OBSERVED_PATH,
    agent,
    observe,
  });
  request.on('response', callback);
  request.on('error', () => counts.wrong++);
  request.end();
}

serve({
  listen: () =>
    new Promise((resolve) => {
      socket.bind(0, '127.0.0.1', () => {
        agent = new coap.Agent({ type: 'udp4', socket });
        const server = coap.createServer({ type: 'udp4' }, (request, response) => handlers[request.method](request, response));
        server.listen(socket, () => resolve({ port: socket.address().port }));
      });
    }),
  counts: () => ({ ...counts, registrations: registrations.size }),
  read: ({ seconds }) =>
    drive([...registrations.values()], { seconds }, (registration, done) => {
      get(registration, false, (response) => {
        check(response);
        done();
      });
    }),
  observe: () =>
    drive([...registrations.values()], { once: true }, (registration, done) => {
      get(registration, true, (response) => {
        let first = true;
        response.on('data', (payload) => {
          if (first) done();
          else {
            check({ payload });
            counts.notified++;
          }
          first = false;
        });
      });
    }),
});
