/** COCO's compressed run lengths: column by column, five bits a character, from the third on as differences. */

/**
 * Decode the counts to run lengths that alternate between outside and inside.
 * @param {string} counts
 * @returns {number[]}
 */
export function runs(counts) {
  const lengths = [];
  for (let at = 0; at < counts.length;) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      const bits = counts.charCodeAt(at) - 48;
      value |= (bits & 0x1f) << shift;
      more = (bits & 0x20) !== 0;
      at += 1;
      shift += 5;
      if (!more && bits & 0x10 && shift < 32) value |= -1 << shift;
    }
    if (lengths.length > 2) value += lengths[lengths.length - 2];
    lengths.push(value);
  }
  return lengths;
}

/**
 * Write a class id wherever its runs are inside: into ids, row by row.
 * @param {RunLengths} runLengths
 * @param {Uint8Array} ids
 * @param {number} value
 */
export function paintRuns({ size: [height, width], counts }, ids, value) {
  let position = 0;
  let inside = false;
  for (const length of runs(counts)) {
    if (inside) {
      for (let at = position; at < position + length; at += 1)
        ids[(at % height) * width + Math.floor(at / height)] = value;
    }
    position += length;
    inside = !inside;
  }
}

/**
 * The mask of a label answer: class ids row by row; what no class covers is background.
 * @param {LabelAnswer} answer
 * @returns {Mask}
 */
export function maskOf(answer) {
  const ids = new Uint8Array(answer.width * answer.height);
  for (const one of answer.classes) if (one.rle) paintRuns(one.rle, ids, one.id);
  return { width: answer.width, height: answer.height, ids };
}
