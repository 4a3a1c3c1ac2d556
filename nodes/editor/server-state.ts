/** One line in the server's dialog: is it listening, where, how many devices; the editor shows no status for config nodes. */
import { ListUnavailable, type ServerEntry, servers } from './admin-api.js';
import { text } from './texts.js';

function sentence(server: ServerEntry | undefined): string {
  if (!server) return text('state.not-deployed');
  if (server.state === 'failed') {
    const { error } = server;
    return text('state.failed', { reason: (typeof error === 'string' ? error : error?.message) ?? '' });
  }
  if (server.listening.length === 0) return text('state.starting');
  const ports = server.listening.map(({ transport, port }) => text('state.port', { transport: transport.toUpperCase(), port }));
  const listens = text('state.listening', { ports: ports.join(', '), devices: server.devices });
  return server.refused > 0 ? `${listens} ${text('state.refused', { refused: server.refused })}` : listens;
}

export function showServerState(node: EditorNode): void {
  const line = $('#dm-server-state');
  servers()
    .then((all) => line.text(sentence(all.find(({ id }) => id === node.id))))
    .catch((failure: unknown) => {
      const problem = failure instanceof ListUnavailable ? failure.problem : 'no-answer';
      line.text(text(problem === 'deploy-first' ? 'state.not-deployed' : `picker.problem.${problem}`));
    });
}
