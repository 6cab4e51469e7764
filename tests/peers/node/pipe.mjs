// The plain pipe: what comes goes out, status and headers too. Two environment variables: UPSTREAM, and the provider's KEY.
import http from 'node:http';
import { pipeline } from 'node:stream';

const upstream = new URL(process.env.UPSTREAM);
const agent = new http.Agent({ keepAlive: true });

const server = http.createServer((request, response) => {
  const headers = { ...request.headers, host: upstream.host, authorization: `Bearer ${process.env.KEY}` };
  const options = { agent, method: request.method, headers, host: upstream.hostname, port: upstream.port };
  const asked = http.request({ ...options, path: request.url }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    pipeline(answer, response, () => {}); // a stream that breaks off breaks off for the caller too
  });
  asked.on('error', (error) => {
    if (response.headersSent) return response.destroy();
    response.writeHead(502, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: error.message, type: 'server_error', code: 'bad_gateway' } }));
  });
  pipeline(request, asked, () => {});
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
