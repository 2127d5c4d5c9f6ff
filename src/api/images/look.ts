/** Images, looked at: list, inspect, history. */
import { invalid } from '../../base/errors.ts';
import type { HistoryLine } from '../../engine/images-contract.ts';
import { imageDocument, imageSummary } from '../../engine/types/image-document.ts';
import type { ImageHistoryItem } from '../../engine/types/image.ts';
import type { Route } from '../contract.ts';
import { platformOf } from './names.ts';
import { inspectFor, summaryFor } from './versions.ts';

export const list: Route['handler'] = async (request, { images }) => {
  const { query, version } = request;
  const filter = version < 41 ? query.text('filter') : undefined;
  const filters = { ...query.filters(), ...(filter === undefined || filter === '' ? {} : { reference: [filter] }) };
  const sharedSize = version >= 42 && query.flag('shared-size');
  const lines = await images.list({ filters, sharedSize });
  request.send(lines.map((line) => summaryFor(imageSummary(line, version >= 51 ? line.containers : -1), version)));
};

export const inspect: Route['handler'] = async (request, { images }) => {
  const { params, query, version } = request;
  const platform = version >= 49 ? platformOf(request) : undefined;
  if (platform !== undefined && query.flag('manifests')) throw invalid('conflicting options: manifests and platform options cannot both be set');
  request.send(inspectFor(imageDocument(await images.inspect(params['name']!, { platform })), version));
};

export const history: Route['handler'] = async (request, { images }) => {
  const platform = request.version >= 48 ? platformOf(request) : undefined;
  const lines = await images.history(request.params['name']!, { platform });
  request.send(lines.map(historyItem));
};

function historyItem({ id, created, createdBy, size, comment, tags }: HistoryLine): ImageHistoryItem {
  return { Comment: comment, Created: created, CreatedBy: createdBy, Id: id, Size: size, Tags: tags.length === 0 ? null : tags };
}
