import type { Face } from '../http/face.ts';
import { codegenFace, type CodegenSettings } from './codegen/codegen-face.ts';
import { nativeFace } from './native/native-face.ts';
import { runtypeFace, type RuntypeSettings } from './runtype/runtype-face.ts';
import { shannonFace, type ShannonSettings } from './shannon/shannon-face.ts';
import { telnyxFace, type TelnyxSettings } from './telnyx/telnyx-face.ts';

/** Every API that the server speaks. */
export function createFaces(settings: {
  telnyx: TelnyxSettings;
  codegen: CodegenSettings;
  runtype: RuntypeSettings;
  shannon: ShannonSettings;
}): Face[] {
  return [
    nativeFace(),
    telnyxFace(settings.telnyx),
    codegenFace(settings.codegen),
    runtypeFace(settings.runtype),
    shannonFace(settings.shannon),
  ];
}
