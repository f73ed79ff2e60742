/*
 * Stands in for the runtime client's compiled part, which would need a C++ compiler and curl: the same three calls of the
 * Runtime API over Node's own HTTP (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). Loaded with --require.
 */
'use strict';

const Module = require('node:module');
const { Agent, request } = require('node:http');

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const HEADERS = [
  'lambda-runtime-aws-request-id',
  'lambda-runtime-trace-id',
  'lambda-runtime-invoked-function-arn',
  'lambda-runtime-client-context',
  'lambda-runtime-cognito-identity',
];

function send(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const options = { hostname, port, agent, method, path: `/2018-06-01/runtime/invocation/${path}`, headers };
    const sent = request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What was answered last, until it has arrived: the next invocation comes after it. */
let posted = Promise.resolve();

const client = {
  async next() {
    await posted;
    const { headers, body } = await send('GET', 'next');
    const known = HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    return { bodyJson: body, headers: { ...Object.fromEntries(known), 'lambda-runtime-deadline-ms': deadline } };
  },
  done(id, body) {
    posted = send('POST', `${id}/response`, body, { 'content-type': 'application/json' });
  },
  error(id, body) {
    posted = send('POST', `${id}/error`, body, { 'content-type': 'application/json' });
  },
};

const load = Module._load;
Module._load = function (name, ...more) {
  return name === './rapid-client.node' ? client : load.call(this, name, ...more);
};
