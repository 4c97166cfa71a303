/** The keys that decide and move in a review. */

/**
 * By key, what they do to the review.
 * @param {{decide: (verdict: Verdict) => void, move: (step: number) => void, undo: () => void, back: () => void}} review
 */
export function reviewKeys(review) {
  const next = () => review.move(1);
  const previous = () => review.move(-1);
  return {
    a: () => review.decide("accepted"),
    r: () => review.decide("rejected"),
    f: () => review.decide("flagged"),
    ArrowRight: next,
    j: next,
    ArrowLeft: previous,
    k: previous,
    u: () => review.undo(),
    Escape: () => review.back(),
  };
}
