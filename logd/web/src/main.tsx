import './style/tokens.css';
import './style/page.css';
import './style/controls.css';
import './style/above.css';
import './style/parts.css';

import { render } from 'preact';

import { App } from './app';

render(<App />, document.getElementById('app')!);
