// Reads recordings with one JavaScript reader, as its README shows, and prints
// how long each pass over all of them took.
//
//   node read_files.js READER PASSES < list-of-paths
//
// Files are in memory before the clock starts. The first pass, in which the
// code is compiled, is not counted. Files that it cannot read are named.
import { readFileSync } from 'node:fs';

const readers = {
  '@garmin/fitsdk': async () => {
    const { Decoder, Stream } = await import('@garmin/fitsdk');
    return (bytes) => {
      const { messages } = new Decoder(Stream.fromBuffer(bytes)).read();
      return messages.recordMesgs?.length ?? 0;
    };
  },
  'fit-file-parser': async () => {
    const { default: FitParser } = await import('fit-file-parser');
    return async (bytes) => {
      const parsed = await new FitParser({ force: true, mode: 'list' }).parseAsync(bytes);
      return parsed.records?.length ?? 0;
    };
  },
  'easy-fit': async () => {
    const { default: EasyFit } = await import('easy-fit');
    const Parser = EasyFit.default ?? EasyFit;
    return (bytes) => {
      let records = 0;
      new Parser({ force: true, mode: 'list' }).parse(bytes, (error, parsed) => {
        if (error) throw new Error(error);
        records = parsed.records?.length ?? 0;
      });
      return records;
    };
  },
  'fast-xml-parser': async () => {
    const { XMLParser } = await import('fast-xml-parser');
    const parser = new XMLParser({ ignoreAttributes: false });
    return (bytes) => count(parser.parse(bytes.toString('utf8')));
  },
  '@tmcw/togeojson': async () => {
    const { gpx, tcx } = await import('@tmcw/togeojson');
    const { DOMParser } = await import('@xmldom/xmldom');
    return (bytes) => {
      const text = bytes.toString('utf8');
      const document = new DOMParser().parseFromString(text, 'text/xml');
      const features = (text.includes('<TrainingCenterDatabase') ? tcx : gpx)(document).features;
      return features
        .flatMap(({ geometry: g }) => g?.type === 'MultiLineString' ? g.coordinates : [g?.coordinates ?? []])
        .reduce((sum, line) => sum + line.length, 0);
    };
  },
};

// Track points anywhere in a parsed document.
function count(node) {
  if (Array.isArray(node)) return node.reduce((sum, child) => sum + count(child), 0);
  if (node === null || typeof node !== 'object') return 0;
  let sum = 0;
  for (const [name, child] of Object.entries(node)) {
    const local = name.split(':').pop();
    if (local === 'trkpt' || local === 'Trackpoint') sum += Array.isArray(child) ? child.length : 1;
    else sum += count(child);
  }
  return sum;
}

const [name, passes] = [process.argv[2], Number(process.argv[3])];
const read = await readers[name]();
const paths = readFileSync(0, 'utf8').split('\n').filter(Boolean);
const files = paths.map((path) => readFileSync(path));
const seconds = [];
let samples = 0;
let failed = [];
for (let pass = 0; pass <= passes; pass += 1) {
  samples = 0;
  failed = [];
  const start = process.hrtime.bigint();
  for (const [index, bytes] of files.entries()) {
    try {
      samples += await read(bytes);
    } catch {
      failed.push(paths[index]);
    }
  }
  if (pass > 0) seconds.push(Number(process.hrtime.bigint() - start) / 1e9);
}
console.log(JSON.stringify({ seconds, samples, failed }));
