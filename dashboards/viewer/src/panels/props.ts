import type { PanelJson } from '../board';
import type { Context } from '../context';
import type { PanelData } from '../data';

/** What the drawing of a panel is given. */
export interface Props { panel: PanelJson; data: PanelData; context: Context; width: number; height: number }
