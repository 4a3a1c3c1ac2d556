/** What a node without a name is called in the workspace: what it does, and to which path when that is fixed. */

export function operationLabel(name: string, operation: string, path: string, pathType: string): string {
  if (name !== '') return name;
  return pathType === 'str' && path !== '' ? `${operation} ${path}` : operation;
}

export function labelStyle(name: string): string {
  return name === '' ? '' : 'node_label_italic';
}
